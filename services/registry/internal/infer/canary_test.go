package infer_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

// Each command has a credential, CANARY, in a place where nobody expects one.
func TestNoCanaryGetsIntoWhatIsInferred(t *testing.T) {
	const short, random = "c4N01ryQ", "q7ZtX2vP9mW4kL8nB3cR5d01"
	for _, row := range []struct{ name, command, canary string }{
		{"a key in the query", `curl 'https://api.example.com/q?key=CANARY'`, "AIza" + "SyD4x9qW8mN2vB7kL1"},
		{"the code of a function", `curl 'https://api.example.com/q?code=CANARY'`, random},
		{"a signature in the query", `curl 'https://api.example.com/q?sig=CANARY'`, short},
		{"a random word in the query", `curl 'https://api.example.com/q?x=CANARY&x=1'`, random},
		{"a header", `curl https://api.example.com/q -H 'X-Auth: CANARY'`, short},
		{"a header with a scheme", `curl https://api.example.com/q -H 'Api-Auth: Token CANARY'`, short},
		{"a header with a URL", `curl https://api.example.com/q -H 'X-Target: https://me:CANARY@example.com/'`, short},
		{"an assertion", `curl https://api.example.com/q -d assertion=CANARY -d a=1`, short},
		{"a pin", `curl https://api.example.com/q -F pin=CANARY -F a=1`, short},
		{"a member called auth", `curl https://api.example.com/q --json '{"auth":"CANARY"}'`, short},
		{"a passphrase", `curl https://api.example.com/q --json '{"a":[{"passphrase":"CANARY"}]}'`, short},
		{"a member called jwt", `curl https://api.example.com/q --json '{"jwt":"CANARY"}'`, short},
		{"a session", `curl https://api.example.com/q --json '{"session":"CANARY"}'`, short},
		{"a variable of GraphQL", `curl https://api.example.com/q --json '{"query":"{a}","variables":{"pin":"CANARY"}}'`, short},
		{"a literal of GraphQL", `curl https://api.example.com/q --json '{"query":"mutation { login(password: \"CANARY\") }"}'`, short},
		{"a sentence", `curl https://api.example.com/q --json '{"text":"send Bearer CANARY"}'`, random},
		{"a bot", `curl https://api.example.com/bot123456:CANARY/send`, "AAE4x9qW8mN2vB7kL1zQ5d"},
		{"a hook", `curl https://api.example.com/services/T000/B000/CANARY`, "XXXXcanary"},
		{"a random segment", `curl https://api.example.com/hooks/CANARY`, random},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := inferred(t, infer.Sample{
				Curl:     strings.ReplaceAll(row.command, "CANARY", row.canary),
				Response: &infer.Response{Body: fmt.Appendf(nil, `{"auth":%q,"passphrase":%q,"jwt":%q,"session":%q}`, row.canary, row.canary, row.canary, row.canary)},
			})
			stored, err := proto.Marshal(whole(out))
			if err != nil {
				t.Fatal(err)
			}
			readable, err := definition.Marshal(whole(out))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(strings.ToLower(string(stored)+string(readable)+fmt.Sprint(out.Findings)), strings.ToLower(row.canary)) {
				t.Errorf("the canary is in %s\nor %v", readable, out.Findings)
			}
			if len(out.Findings) == 0 {
				t.Error("nothing is said about it")
			}
		})
	}
}
