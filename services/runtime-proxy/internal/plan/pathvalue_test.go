package plan_test

import (
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
)

func TestValuesOfRawPaths(t *testing.T) {
	tests := []struct {
		name, template, path, parameter string
		want                            string
		found                           bool
	}{
		{"a segment of its own", "/items/{id}", "/items/7", "id", "7", true},
		{"a segment that is encoded", "/items/{id}", "/items/a%20b%C3%A9", "id", "a bé", true},
		{"one of two", "/lists/{list}/items/{id}", "/lists/a/items/b", "list", "a", true},
		{"the other of two", "/lists/{list}/items/{id}", "/lists/a/items/b", "id", "b", true},
		{"with literal ends", "/items('{id}')/x", "/items('7')/x", "id", "7", true},
		{"with another case of the literal text", "/Items/{id}", "/items/7", "id", "7", true},
		{"with a slash at the end", "/items/{id}", "/items/7/", "id", "7", true},
		{"a fixed query is no part of the path", "/items/{id}?full=1", "/items/7", "id", "7", true},
		{"another path", "/items/{id}", "/other/7", "id", "", false},
		{"another parameter", "/items/{id}", "/items/7", "list", "", false},
		{"two in one segment cannot be told apart", "/items/{a}-{b}", "/items/1-2", "a", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var parameters []*connectorv1.Parameter
			for _, name := range []string{"id", "list", "a", "b"} {
				parameters = append(parameters, &connectorv1.Parameter{Name: name, Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH})
			}
			op, err := plan.New(&connectorv1.Definition{Operations: []*connectorv1.Operation{{
				OperationId: "x", Method: "GET", Path: tt.template, Parameters: parameters,
			}}}).Operation("x")
			if err != nil {
				t.Fatal(err)
			}
			if got, found := op.PathValue(tt.path, tt.parameter); got != tt.want || found != tt.found {
				t.Errorf("value = %q, %v; want %q, %v", got, found, tt.want, tt.found)
			}
		})
	}
}
