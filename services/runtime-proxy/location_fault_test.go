package runtimeproxy_test

import (
	"net/http"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// TestWhoPollsIsToldAtOnceWhetherTheStateCanBeFollowed: the next poll would be refused
// with LINK_INVALID.
func TestWhoPollsIsToldAtOnceWhetherTheStateCanBeFollowed(t *testing.T) {
	var location string
	s := start(t, api(t, func(w http.ResponseWriter, _ *http.Request) {
		if location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(http.StatusAccepted)
	}), func(d *connectorv1.Definition) {
		d.Operations = append(d.Operations, &connectorv1.Operation{
			OperationId: "OnMoved", Method: "GET", Path: "/moves", Kind: connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER,
			Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Polling{Polling: &connectorv1.PollingTrigger{
				Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE,
			}}},
		})
	})
	for _, row := range []struct{ name, operation, location, want string }{
		{"no link", "OnMoved", "", ""},
		{"relative", "OnMoved", "?after=7", ""},
		{"below the API", "OnMoved", "/api/moves?after=7", ""},
		{"another host", "OnMoved", "https://elsewhere.example/api/moves?after=7", "it leads elsewhere than to the connection's API"},
		{"another path of the host", "OnMoved", "/other/moves", "it leads elsewhere than to the connection's API"},
		{"a path of no operation", "OnMoved", "/api/unknown", `no operation of the connector that reads (GET) has its path, and it is not sealed for operation "OnMoved"`},
		{"an operation that is no trigger", "ListItems", "https://elsewhere.example/", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			location = row.location
			got, err := s.invoke(row.operation, "")
			must(t, err)
			if got.GetLocationFault() != row.want {
				t.Errorf("fault %q, want %q", got.GetLocationFault(), row.want)
			}
			for _, h := range got.GetHeaders() {
				if h.GetName() != "Location" || row.operation != "OnMoved" {
					continue
				}
				if _, err := s.call(row.operation, "", following(h.GetValue())); (err != nil) != (row.want != "") {
					t.Errorf("the next poll: %v", err)
				}
			}
		})
	}
}
