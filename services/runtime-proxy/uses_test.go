package runtimeproxy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// TestTheVaultLearnsWhereCredentialsWent: once for each use that was sent, and
// nothing of calls that were refused or carried nothing.
func TestTheVaultLearnsWhereCredentialsWent(t *testing.T) {
	url, _ := recording(t, 200)
	s := start(t, url, func(d *connectorv1.Definition) {
		d.Operations = append(d.Operations, &connectorv1.Operation{OperationId: "Open", Method: "GET", Path: "/open", Security: []*connectorv1.SecurityRequirement{{}}})
	})
	for range 3 {
		must(t, second(s.invoke("ListItems", "")))
	}
	_, err := s.runtime.Invoke(s.as("root"), &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems"})
	must(t, err)
	must(t, s.through(s.request("GET", "/items", nil)))
	must(t, second(s.invoke("Open", "")))
	must(t, second(s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})))
	s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts = []string{"https://api.example.com"} })
	s.clock.Advance(2 * time.Minute) // the lease ends, uses are reported
	checkFault(t, s, second(s.invoke("GetItem", `{"id":"1"}`)), fault.ReasonHostNotAllowed)
	host := strings.TrimPrefix(url, "http://")
	want := []string{
		connection + ` ada "" ` + host + " 1", // the pass-through call
		connection + ` ada "ListItems" ` + host + " 3",
		connection + ` ada "connection:test" ` + host + " 1",
		connection + ` root "ListItems" ` + host + " 1",
	}
	testkit.Await(t, "the report", func() bool { return len(s.vault.reported()) >= len(want) })
	if diff := cmp.Diff(want, s.vault.reported()); diff != "" {
		t.Errorf("uses (-want +got):\n%s", diff)
	}
}
