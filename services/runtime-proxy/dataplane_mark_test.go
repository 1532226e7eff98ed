package runtimeproxy_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// A client has to know whose 404 it got, and under which id it is found.
func TestAnswersOfTheDataPlaneTellWhoseTheyAre(t *testing.T) {
	url := api(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Ferrule-Error-Reason", "CONNECTION_DELETED")
		w.Header().Set("Ferrule-Request-Id", "theirs")
		w.Header().Set("X-Request-Id", "of the API")
		w.WriteHeader(http.StatusNotFound)
	})
	s := start(t, url, func(d *connectorv1.Definition) {
		d.Policies = []*connectorv1.Policy{only(policyOf("setheader", requestSection, "name", "X-Name", "value", "@environmentVariables(\"nothing\")"), "ListItems")}
	})
	theirs := s.pass("GET", "/other", "")
	if id := theirs.header.Values("Ferrule-Request-Id"); theirs.status != 404 || theirs.header.Get("Ferrule-Error-Reason") != "" ||
		theirs.header.Get("X-Request-Id") != "of the API" || len(id) != 1 || len(id[0]) != 36 {
		t.Errorf("the API's answer is %d %v", theirs.status, theirs.header)
	}
	ours := s.pass("GET", "/items", "")
	var said struct {
		Details []struct {
			Reason   string
			Metadata map[string]string
		}
	}
	must(t, json.Unmarshal([]byte(ours.body), &said))
	id := ours.header.Get("Ferrule-Request-Id")
	if ours.header.Get("Ferrule-Error-Reason") != "POLICY_FAILED" || len(said.Details) == 0 || said.Details[0].Reason != "POLICY_FAILED" ||
		len(id) != 36 || id == theirs.header.Get("Ferrule-Request-Id") || said.Details[0].Metadata["error_id"] != id {
		t.Errorf("our answer is %v %s", ours.header, ours.body)
	}
}

func TestTheCallersRequestIDIsKept(t *testing.T) {
	s := start(t, api(t, func(http.ResponseWriter, *http.Request) {}), nil)
	for _, row := range []struct {
		sent string
		kept bool
	}{{"order-4711", true}, {strings.Repeat("x", 200), false}, {"a b", false}} {
		got := s.pass("GET", "/other", "", "X-Request-Id", row.sent).header.Get("Ferrule-Request-Id")
		if (got == row.sent) != row.kept || got == "" {
			t.Errorf("%q became %q", row.sent, got)
		}
	}
}
