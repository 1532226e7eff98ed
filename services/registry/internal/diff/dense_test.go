package diff_test

import (
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
)

// ring is a definition whose schemas all reach each other in countless ways.
func ring(operations int) *connectorv1.Definition {
	def := &connectorv1.Definition{}
	for i := range 500 {
		def.Schemas = append(def.Schemas, &connectorv1.Schema{Name: fmt.Sprint("S", i), Json: fmt.Appendf(nil,
			`{"type":"object","properties":{"a":{"$ref":"#/$defs/S%d"},"b":{"$ref":"#/$defs/S%d"}}}`, (i+1)%500, (i*7)%500)})
	}
	for i := range operations {
		def.Operations = append(def.Operations, &connectorv1.Operation{
			OperationId: fmt.Sprint("o", i), Method: "GET", Path: fmt.Sprint("/", i),
			Responses: []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Schema: fmt.Appendf(nil, `{"$ref":"#/$defs/S%d"}`, i),
			}}}},
		})
	}
	return def
}

func TestSchemasThatReachEachOtherInCountlessWays(t *testing.T) {
	old := ring(20)
	fresh := proto.CloneOf(old)
	fresh.Operations[0].Summary = "x"
	if d := compare(t, old, fresh); d.Total != 1 || d.Changes[0].Code != "operation-texts-changed" {
		t.Errorf("a text changed: %+v", d)
	}
	fresh.Schemas[7].Json = []byte(`{"type":"object"}`)
	d := compare(t, old, fresh)
	if d.Total != 21 || d.Changes[0].Code != "operation-not-compared" || d.Changes[0].Impact != diff.Risky {
		t.Errorf("a schema changed: %+v", d)
	}
}
