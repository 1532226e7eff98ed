package diff_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

// layered is a definition whose schemas stand in layers, each of which refers to
// all of the next: the ways through them double or more with every layer.
func layered(width, depth, operations int) *connectorv1.Definition {
	def := &connectorv1.Definition{}
	for layer := range depth {
		for i := range width {
			properties := []string{`"id":{"type":"integer"}`}
			for j := range width {
				if layer+1 < depth {
					properties = append(properties, fmt.Sprintf(`"p%d":{"$ref":"#/$defs/L%d_%d"}`, j, layer+1, j))
				}
			}
			def.Schemas = append(def.Schemas, &connectorv1.Schema{
				Name: fmt.Sprintf("L%d_%d", layer, i), Json: []byte(`{"type":"object","properties":{` + strings.Join(properties, ",") + `}}`),
			})
		}
	}
	for i := range operations {
		def.Operations = append(def.Operations, &connectorv1.Operation{
			OperationId: fmt.Sprint("o", i), Method: "GET", Path: fmt.Sprint("/", i),
			Responses: []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Schema: fmt.Appendf(nil, `{"$ref":"#/$defs/L0_%d"}`, i%width),
			}}}},
		})
	}
	return def
}

// However the schemas are connected, every operation that reaches the changed one
// is reported, and it takes a bounded time.
func TestSchemasInLayersAreComparedInBoundedTime(t *testing.T) {
	for _, row := range []struct {
		name                     string
		width, depth, operations int
		compared                 bool // all of them, not only some
	}{
		{"few ways", 2, 4, 50, true},
		{"many short ways", 6, 4, 40, true},
		{"many long ways", 2, 13, 80, false},
		{"countless ways", 8, 30, 200, false},
		{"one long way", 1, 200, 30, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			old := layered(row.width, row.depth, row.operations)
			fresh := proto.CloneOf(old)
			fresh.Schemas[len(fresh.Schemas)-1].Json = []byte(`{"type":"object","properties":{"id":{"type":"string"}}}`)
			start := time.Now()
			d := compare(t, old, fresh)
			if took := time.Since(start); took > slowest {
				t.Errorf("it took %s", took)
			}
			if row.compared != (d.Breaking == d.Total) || d.Total < row.operations {
				t.Errorf("%d changes, %d breaking", d.Total, d.Breaking)
			}
		})
	}
}
