package vault_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// The secrets that are planted. Quotes and a line break make sure that they are
// also found where something escaped them.
func canaries() []string {
	return []string{
		"c4nary-0ne-" + strings.Repeat("x", 24), "c4nary-tw0\"\n<&>" + strings.Repeat("y", 24), "c4nary-thr33-" + strings.Repeat("z", 24),
	}
}

// spellings are the forms in which a secret is looked for.
func spellings(secret string) map[string]string {
	quoted, _ := json.Marshal(secret)
	return map[string]string{
		"in clear":  secret,
		"its end":   secret[len(secret)-16:],
		"quoted":    strings.Trim(string(quoted), `"`),
		"escaped":   strings.Trim(fmt.Sprintf("%q", secret), `"`),
		"in a URL":  url.QueryEscape(secret),
		"in base64": base64.StdEncoding.EncodeToString([]byte(secret))[:32],
		// In base64 a text looks different for each of three positions.
		"in base64, behind one byte":  base64.StdEncoding.EncodeToString([]byte("x" + secret))[4:32],
		"in base64, behind two bytes": base64.StdEncoding.EncodeToString([]byte("xx" + secret))[4:32],
		"in hex":                      hex.EncodeToString([]byte(secret)),
	}
}

func TestNoSecretIsFoundWhereItDoesNotBelong(t *testing.T) {
	r := newRig(t)
	subject := "ferrule.>"
	messages := make(chan *nats.Msg, 1000)
	sub, err := r.bus.Conn().ChanSubscribe(subject, messages)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()

	answers := fullRun(r)
	testkit.Await(t, "the announcements", func() bool { return len(messages) >= 3 })
	r.stop()

	close(messages)
	places := r.places(answers, messages)
	secrets := map[string]string{}
	for i, canary := range canaries() {
		secrets[fmt.Sprint("canary ", i)] = canary
	}
	search(t, places, secrets)
	// The database must also not hold what the secrets were sealed from twice.
	if !bytes.Contains(places["the database"], []byte("crm-1")) || !bytes.Contains(places["the log"], []byte("CreateConnection")) {
		t.Error("the test does not look where things are")
	}
}

// places returns what can be read of a vault that has stopped, by where it is.
func (r *rig) places(answers []byte, messages <-chan *nats.Msg) map[string][]byte {
	r.t.Helper()
	places := map[string][]byte{
		"the answers": answers, "the log": r.log.bytes(), "the database": r.read("vault.db"), "the key file": r.read("kek.json"),
		"the bus": nil, "the traces": nil,
	}
	for m := range messages {
		places["the bus"] = append(places["the bus"], fmt.Sprintf("%s %v %s\n", m.Subject, m.Header, m.Data)...)
	}
	for _, span := range r.spans.GetSpans() {
		places["the traces"] = append(places["the traces"], fmt.Sprintf("%s %v %v %v\n", span.Name, span.Attributes, span.Events, span.Status)...)
	}
	var metrics metricdata.ResourceMetrics
	if err := r.metrics.Collect(r.t.Context(), &metrics); err != nil {
		r.t.Fatal(err)
	}
	text, err := json.Marshal(metrics)
	if err != nil {
		r.t.Fatal(err)
	}
	places["the metrics"] = text
	return places
}

// search finds secrets, in every spelling, where they do not belong.
func search(t *testing.T, places map[string][]byte, secrets map[string]string) {
	t.Helper()
	for place, content := range places {
		if len(content) == 0 {
			t.Errorf("nothing was collected from %s", place)
		}
		for what, secret := range secrets {
			for how, spelling := range spellings(secret) {
				if at := bytes.Index(content, []byte(spelling)); at >= 0 {
					t.Errorf("%s is in %s, %s:\n…%q…", what, place, how, content[max(0, at-200):min(len(content), at+len(spelling)+20)])
				}
			}
		}
	}
}

// fullRun does everything that can be done with secrets, well and badly, and
// returns all answers and errors that callers of any kind got, but for the
// credentials that the runtime is entitled to.
func fullRun(r *rig) []byte {
	var seen bytes.Buffer
	one, two, three := canaries()[0], canaries()[1], canaries()[2]
	note := func(m proto.Message, err error) {
		if err != nil {
			f := fault.From(err)
			fmt.Fprintf(&seen, "%v %v %v %v\n", err, f.Message(), f.Meta(), f.Violations())
			return
		}
		fmt.Fprintf(&seen, "%s %v\n", protojson.Format(m), m)
	}
	gateway, ann := r.as("gateway"), r.user("ann")
	create := func(change func(*vaultv1.CreateConnectionRequest)) {
		note(gateway.CreateConnection(ann, request(change)))
	}
	create(func(req *vaultv1.CreateConnectionRequest) { req.Secrets["api_key"] = one })
	create(func(req *vaultv1.CreateConnectionRequest) { req.Secrets["api_key"] = one }) // exists
	create(func(req *vaultv1.CreateConnectionRequest) { req.Secrets["unknown"] = two })
	create(func(req *vaultv1.CreateConnectionRequest) {
		req.Connection.Parameters = map[string]string{"api_key": two}
	})
	create(func(req *vaultv1.CreateConnectionRequest) {
		req.Connection.ServerUrl = "https://ann:" + url.QueryEscape(three) + "@api.crm.example"
	})
	create(func(req *vaultv1.CreateConnectionRequest) {
		req.Connection.ServerUrl = "https://api.crm.example?key=" + url.QueryEscape(three)
	})
	create(func(req *vaultv1.CreateConnectionRequest) {
		req.Secrets["api_key"] = three + strings.Repeat("x", 64<<10)
	})

	update := func(secrets map[string]string, etag string) {
		note(gateway.UpdateConnection(ann, &vaultv1.UpdateConnectionRequest{Connection: &vaultv1.Connection{Name: crm1, Etag: etag}, Secrets: secrets}))
	}
	update(map[string]string{"api_key": two}, "")
	update(map[string]string{"tenant": three}, "")
	update(map[string]string{"api_key": three}, "stale")

	runtime := r.as(service.Runtime)
	if got, err := runtime.ResolveCredential(ann, &vaultv1.ResolveCredentialRequest{Name: crm1}); err != nil || string(got.GetSecrets()[0].GetValue()) != two {
		r.t.Errorf("the runtime did not get what it is entitled to: %v", err)
	}
	for _, refused := range []func() (*vaultv1.Credential, error){
		func() (*vaultv1.Credential, error) {
			return gateway.ResolveCredential(ann, &vaultv1.ResolveCredentialRequest{Name: crm1})
		},
		func() (*vaultv1.Credential, error) {
			return runtime.ResolveCredential(r.user("bob"), &vaultv1.ResolveCredentialRequest{Name: crm1})
		},
	} {
		c, err := refused()
		note(c, err)
	}
	note(gateway.GetConnection(ann, &vaultv1.GetConnectionRequest{Name: crm1}))
	note(gateway.ListConnections(ann, &vaultv1.ListConnectionsRequest{Parent: parent}))
	note(runtime.ReportConnectionTest(r.t.Context(), &vaultv1.ReportConnectionTestRequest{Name: crm1, Reason: "401"}))
	note(gateway.ListAuditRecords(r.user("root", authn.RoleAdmin), &vaultv1.ListAuditRecordsRequest{Parent: parent}))
	note(gateway.DeleteConnection(ann, &vaultv1.DeleteConnectionRequest{Name: crm1}))
	return seen.Bytes()
}
