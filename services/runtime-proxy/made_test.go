package runtimeproxy_test

import (
	"net/http"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// saysMade fails the test unless an error says that a POST was made and answered 201, and
// nothing about it suggests that it be sent again.
func saysMade(t *testing.T, err error, want fault.Reason, status string) {
	t.Helper()
	f := reasonIs(t, err, want)
	if f.Meta()["outcome"] != "made" || f.Meta()["upstream_status"] != status {
		t.Errorf("metadata %v", f.Meta())
	}
	if f.Code() != fault.CodeFailedPrecondition || strings.Contains(f.Message(), "try again") {
		t.Errorf("%v: %s", f.Code(), f.Message())
	}
	if _, waits := f.Retry(); waits || (status != "" && !strings.Contains(f.Message(), "the call was made, and the API answered it with "+status)) {
		t.Errorf("message %q, to be sent again %v", f.Message(), waits)
	}
}

// TestFailuresAfterTheAnswerSayThatTheCallWasMade: whoever gets one would make a second
// order otherwise.
func TestFailuresAfterTheAnswerSayThatTheCallWasMade(t *testing.T) {
	const response = connectorv1.PolicySection_POLICY_SECTION_RESPONSE
	ofHeader := policyOf("setheader", response, "name", "X-Stage", "value", `@environmentVariables("nobody_set")`)
	ofBody := policyOf("convertarraytoobject", response, "propertyParentPath", "@body()", "propertySubPath", "gifts",
		"keyWithinCollectionPath", "id", "newPropertyPath", "@body().g")
	for _, row := range []struct {
		name string
		p    *connectorv1.Policy
	}{{"of a header", ofHeader}, {"of a body", ofBody}} {
		rec := record(t, always(201, `{"id":"new","gifts":[{"v":1}]}`))
		s := start(t, rec.url, func(d *connectorv1.Definition) { d.Policies = []*connectorv1.Policy{row.p} })
		t.Run("a policy "+row.name+", Invoke", func(t *testing.T) {
			saysMade(t, second(s.call("CreateItem", item)), fault.ReasonPolicyFailed, "201")
		})
		t.Run("a policy "+row.name+", pass-through", func(t *testing.T) {
			req := s.request("POST", "/items", strings.NewReader(`{"name":"bolt"}`))
			req.Header.Set("Content-Type", "application/json")
			saysMade(t, s.through(req), fault.ReasonPolicyFailed, "201")
		})
		if row.p == ofHeader {
			t.Run("a policy "+row.name+", InvokeStream", func(t *testing.T) {
				begin := &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "CreateItem", Input: []byte(item)}
				saysMade(t, second(s.streamed(t, begin, nil)), fault.ReasonPolicyFailed, "201")
			})
		}
		if n, last := len(rec.all()), rec.all(); n < 2 || last[n-1].Method != http.MethodPost {
			t.Errorf("requests %v", rec.lines())
		}
	}
}

// TestFailuresOfCodeSayWhatItHadSent.
func TestFailuresOfCodeSayWhatItHadSent(t *testing.T) {
	post := func(code string) string {
		return "export async function handle(request) {\n await send({ url: request.url, method: 'POST' });\n " + code + "\n}"
	}
	for _, row := range []struct {
		name, source string
		want         fault.Reason
		status       string
	}{
		{"it throws after the answer", "export function after() { throw new Error('boom; try again') }", fault.ReasonScriptFailed, "201"},
		{"its own request fails after the answer", "export async function after() { await send('http://127.0.0.1:1/') }", fault.ReasonHostNotAllowed, "201"},
		{"it throws after it sent", post("throw new Error('late')"), fault.ReasonScriptFailed, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			a := newScripted(t, turns(gives(201, `{}`)))
			s := startCode(t, a.url, row.source, "CreateItem")
			err := second(s.call("CreateItem", item))
			if row.want == fault.ReasonHostNotAllowed {
				if f := reasonIs(t, err, row.want); f.Meta()["outcome"] != "made" || f.Meta()["upstream_status"] != "201" {
					t.Errorf("metadata %v: %s", f.Meta(), f.Message())
				}
				return
			}
			saysMade(t, err, row.want, row.status)
		})
	}
}

// TestFailuresBeforeTheAnswerDoNotSayThatTheCallWasMade.
func TestFailuresBeforeTheAnswerDoNotSayThatTheCallWasMade(t *testing.T) {
	a := newScripted(t, turns(gives(200, `{}`)))
	s := startCode(t, a.url, "export async function before(request) { await send(request.url); throw new Error('no') }", "CreateItem")
	if f := reasonIs(t, second(s.call("CreateItem", item)), fault.ReasonScriptFailed); f.Meta()["outcome"] != "" {
		t.Errorf("metadata %v: %s", f.Meta(), f.Message())
	}
}

// TestAListThatCannotBeReadMayBeReadAgain: reading does no harm.
func TestAListThatCannotBeReadMayBeReadAgain(t *testing.T) {
	a := newScripted(t, turns(gives(200, `[]`)))
	s := startCode(t, a.url, "export function after() { throw new Error('boom') }", "Search")
	f := reasonIs(t, second(s.call("Search", `{}`)), fault.ReasonScriptFailed)
	if f.Meta()["upstream_status"] != "200" || strings.Contains(f.Message(), "instead of sending") {
		t.Errorf("%v: %s", f.Meta(), f.Message())
	}
}
