package runtimeproxy_test

import (
	"net/http"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
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

// TestARepeatedCallIsToldWhatIsKnown: of a call with a key that failed after the API had
// answered, nobody has to guess whether it was made.
func TestARepeatedCallIsToldWhatIsKnown(t *testing.T) {
	const response = connectorv1.PolicySection_POLICY_SECTION_RESPONSE
	policy := policyOf("setheader", response, "name", "X-Stage", "value", `@environmentVariables("nobody_set")`)
	code := func(source string) func(d *connectorv1.Definition) { return withCode(source, "CreateItem") }
	for _, row := range []struct {
		name         string
		change       func(d *connectorv1.Definition)
		failed       fault.Reason
		status, says string
	}{
		{
			"a policy of the answer", func(d *connectorv1.Definition) { d.Policies = []*connectorv1.Policy{policy} },
			fault.ReasonPolicyFailed, "201", "the API answered it with 201; then it failed with POLICY_FAILED",
		},
		{
			"code after the answer", code("export function after() { throw new Error('boom') }"),
			fault.ReasonScriptFailed, "201", "the API answered it with 201; then it failed with SCRIPT_FAILED",
		},
		{
			"code that had sent something", code("export async function handle(r) { await send({ url: r.url, method: 'POST' }); throw new Error('late') }"),
			fault.ReasonScriptFailed, "", "custom code had sent something for it, and had it answered; then it failed with SCRIPT_FAILED",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := record(t, always(201, `{"id":"new"}`))
			s := start(t, rec.url, row.change)
			s.vault.change(func(c *vaultv1.Credential) { c.LinkKey = []byte("a link key of thirty-two bytes..") })
			saysMade(t, second(s.call("CreateItem", item, withKey("k"))), row.failed, row.status)
			for range 2 {
				err := second(s.another().Invoke(s.as("ada"), ask("CreateItem", item, withKey("k"))))
				f := reasonIs(t, err, fault.ReasonIdempotencyKeyInUse)
				if f.Meta()["outcome"] != "made" || f.Meta()["upstream_status"] != row.status || f.Meta()["failed_with"] != string(row.failed) || !strings.Contains(f.Message(), row.says) {
					t.Errorf("%v: %s", f.Meta(), f.Message())
				}
			}
			if n := len(rec.all()); n != 1 {
				t.Errorf("%d requests", n)
			}
		})
	}
	t.Run("what may be repeated is made again", func(t *testing.T) {
		rec := record(t, always(200, `[]`))
		s := start(t, rec.url, func(d *connectorv1.Definition) { d.Policies = []*connectorv1.Policy{policy} })
		for range 2 {
			reasonIs(t, second(s.call("ListItems", "", withKey("k"))), fault.ReasonPolicyFailed)
		}
		if n := len(rec.all()); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
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
