package plan_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// TestTextsOfManyCallsDoNotMix makes requests of inputs with all kinds of strings at
// the same time: what reads them is used again and again.
func TestTextsOfManyCallsDoNotMix(t *testing.T) {
	revision := plan.New(&connectorv1.Definition{Operations: []*connectorv1.Operation{{
		OperationId: "Get", Method: "GET", Path: "/things/{id}/end",
		Parameters: []*connectorv1.Parameter{{Name: "id", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, Required: true}},
	}}})
	op, err := revision.Operation("Get")
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct{ name, json, path string }{
		{"plain", `"a"`, "a"},
		{"with an escape", `"a\"b"`, "a%22b"},
		{"with an escape of Unicode", `"\u00e9"`, "%C3%A9"},
		{"with letters beyond ASCII", `"é"`, "%C3%A9"},
		{"a number as it was written", `1.50`, "1.50"},
		{"longer than most paths", `"` + strings.Repeat("x", 5000) + `"`, strings.Repeat("x", 5000)},
	}
	var group sync.WaitGroup
	for _, row := range rows {
		group.Go(func() {
			for range 200 {
				args, err := op.Read(fmt.Appendf(nil, `{"id": %s}`, row.json))
				if err != nil {
					t.Errorf("%s: %v", row.name, err)
					return
				}
				var req request.Request
				if err := op.Build(args, &req); err != nil || req.Path != "/things/"+row.path+"/end" {
					t.Errorf("%s: path %.60q, %v", row.name, req.Path, err)
					return
				}
			}
		})
	}
	group.Wait()
}
