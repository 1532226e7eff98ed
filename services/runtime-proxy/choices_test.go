package runtimeproxy_test

import (
	"io"
	"net/http"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// TestChoicesAreAskedForWithConstantsThatTheirOperationDoesNotList: the description
// contradicts itself, and whoever fills in a form could not mend it.
func TestChoicesAreAskedForWithConstantsThatTheirOperationDoesNotList(t *testing.T) {
	requests := make(chan string, 1)
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		requests <- r.RequestURI
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `["a"]`)
	}), func(def *connectorv1.Definition) {
		def.Operations[0].Parameters = append(def.Operations[0].Parameters, &connectorv1.Parameter{
			Name: "version", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: []byte(`{"type":"string","enum":["2022-05-01"]}`),
		})
		def.Operations[1].Dynamics = []*connectorv1.DynamicFeature{{
			Side: connectorv1.DynamicSide_DYNAMIC_SIDE_INPUT, Pointer: "/id",
			Kind: &connectorv1.DynamicFeature_Values{Values: &connectorv1.DynamicValues{Call: &connectorv1.DynamicCall{
				Target: &connectorv1.DynamicCall_OperationId{OperationId: "ListItems"},
				Arguments: []*connectorv1.DynamicArgument{
					{Pointer: "/version", Value: &connectorv1.DynamicArgument_Json{Json: []byte(`"2016-06-01"`)}},
				},
			}}},
		}}
	})
	got, err := s.runtime.ResolveDynamicValues(s.as("ada"), &runtimev1.ResolveDynamicValuesRequest{Connection: connection, OperationId: "GetItem", Pointer: "/id"})
	must(t, err)
	if sent := testkit.Receive(t, "the request", requests); sent != "/api/items?limit=20&version=2016-06-01" || len(got.GetValues()) != 1 {
		t.Errorf("sent %s, got %v", sent, got)
	}
	_, err = s.invoke("ListItems", `{"version":"2016-06-01"}`)
	reasonIs(t, err, fault.ReasonInputInvalid)
}
