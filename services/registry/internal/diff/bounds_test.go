package diff_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
)

func TestMessagesAreBounded(t *testing.T) {
	with := func(values ...string) *connectorv1.Definition {
		def := &connectorv1.Definition{ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}}}
		for _, v := range values {
			def.Servers = append(def.Servers, &connectorv1.Server{UrlTemplate: v})
		}
		return def
	}
	d, err := diff.Compare(t.Context(), with("https://a.example/"+strings.Repeat("ä", 5000)), with("https://b.example"))
	if err != nil || len(d.Changes) == 0 {
		t.Fatalf("%v, %v", d, err)
	}
	for _, c := range d.Changes {
		if len(c.Message) > 1010 || !utf8.ValidString(c.Message) {
			t.Errorf("a message of %d bytes", len(c.Message))
		}
	}
}

func TestMoreOperationsThanAnybodyComparesAreNamed(t *testing.T) {
	const n = 5003
	of := func(schema string) *connectorv1.Definition {
		def := &connectorv1.Definition{ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}}}
		for i := range n {
			def.Operations = append(def.Operations, &connectorv1.Operation{
				OperationId: fmt.Sprint("o", i), Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: fmt.Sprint("/", i),
				Parameters: []*connectorv1.Parameter{{Name: "p", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: []byte(schema)}},
			})
		}
		return def
	}
	d, err := diff.Compare(t.Context(), of(`{"type":"string"}`), of(`{"type":"integer"}`))
	if err != nil {
		t.Fatal(err)
	}
	if d.Total < n || d.Breaking < 5000 {
		t.Errorf("%d changes, %d of them breaking", d.Total, d.Breaking)
	}
}
