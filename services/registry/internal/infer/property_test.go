package infer_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

// awkward are texts that shells, URLs and JSON have special characters for.
var awkward = []string{
	"a", "", "a b", `it's`, `say "hi"`, `back\slash`, `\n`, `\\`, "$HOME", "`id`", "$(id)", "a&b=c", "100%", "%41", "é😀", "!x", "#x", "^x", `[^"]`,
	"{a}", "{{a}}", "a;b", "*?[x]", "~", "<>|", "tab\there", "two\nlines", "+1", "1.50", "-0", "007", "1e5", "null", "true", "TRUE",
}

// quotings are ways to write one word for a shell. They say nothing where they
// cannot write it.
var quotings = []struct {
	name  string
	quote func(string) (string, bool)
}{
	{"single quotes", func(s string) (string, bool) { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'", true }},
	{"double quotes", func(s string) (string, bool) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(s) + `"`, true
	}},
	{"quotes of the C language", func(s string) (string, bool) {
		var b strings.Builder
		for _, r := range s {
			switch {
			case r == '\'' || r == '\\':
				b.WriteString(`\` + string(r))
			case r == '\n':
				b.WriteString(`\n`)
			case r > 0xffff:
				fmt.Fprintf(&b, `\U%08x`, r)
			case r < ' ' || r > '~':
				fmt.Fprintf(&b, `\u%04x`, r)
			default:
				b.WriteRune(r)
			}
		}
		return "$'" + b.String() + "'", true
	}},
	{"backslashes", func(s string) (string, bool) {
		var b strings.Builder
		for _, r := range s {
			if r < 0x80 && !('a' <= r && r <= 'z' || '0' <= r && r <= '9') {
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		}
		return b.String(), s != "" && !strings.Contains(s, "\n")
	}},
}

// anything is a request with awkward parts.
func anything(r *rand.Rand) infer.Sample {
	some := func() string { return awkward[r.IntN(len(awkward))] }
	s := infer.Sample{Method: []string{"GET", "POST", "PUT", "PATCH", "DELETE"}[r.IntN(5)], URL: "https://api.example.com/items"}
	for range r.IntN(3) {
		s.URL += "/" + []string{"parts", "7", "{name}", ":id", "a-b", "123e4567-e89b-12d3-a456-426614174000"}[r.IntN(6)]
	}
	separator := "?"
	for i := range r.IntN(4) {
		s.URL += fmt.Sprintf("%sp%d=%s", separator, i, url.QueryEscape(some()))
		separator = "&"
	}
	for i := range r.IntN(3) {
		if value := strings.Join(strings.Fields(some()), " "); value != "" {
			s.Headers = append(s.Headers, fmt.Sprintf("X-H%d: %s", i, value))
		}
	}
	switch r.IntN(4) {
	case 0:
		body, _ := json.Marshal(map[string]any{some(): some(), "n": r.IntN(100), "list": []string{some()}})
		s.Headers, s.Body = append(s.Headers, "Content-Type: application/json"), body
	case 1:
		s.Headers, s.Body = append(s.Headers, "Content-Type: text/plain"), []byte(some()+".")
	case 2:
		s.Headers = append(s.Headers, "Content-Type: application/x-www-form-urlencoded")
		s.Body = []byte("a=" + url.QueryEscape(some()) + "&b=" + url.QueryEscape(some()))
	}
	return s
}

// A command says the same as the request that it sends, however its words are
// quoted.
func TestACommandIsReadLikeTheRequestThatItSends(t *testing.T) {
	for seed := range uint64(150) {
		s := anything(rand.New(rand.NewPCG(seed, 1)))
		want := inferred(t, s)
		for _, q := range quotings {
			words := []string{"-X", s.Method, s.URL}
			for _, h := range s.Headers {
				words = append(words, "-H", h)
			}
			if len(s.Body) > 0 {
				words = append(words, "--data-raw", string(s.Body))
			}
			command, possible := "curl", true
			for _, word := range words {
				text, ok := q.quote(word)
				command, possible = command+" "+text, possible && ok
			}
			if !possible {
				continue
			}
			got := inferred(t, infer.Sample{Curl: command})
			if diff := cmp.Diff(whole(want), whole(got), protocmp.Transform()); diff != "" {
				t.Fatalf("%s: %s\n(-want +got):\n%s", q.name, command, diff)
			}
		}
	}
}

// plain is the text of an example as it travels in a URL or a header.
func plain(t *testing.T, example []byte) string {
	t.Helper()
	var s string
	if json.Unmarshal(example, &s) == nil {
		return s
	}
	return string(example)
}

// executed is the request that the operation makes with its own examples.
func executed(t *testing.T, out *infer.Inferred) infer.Sample {
	t.Helper()
	op := out.Operation
	s := infer.Sample{Method: op.GetMethod(), OperationID: op.GetOperationId()}
	path, separator := op.GetPath(), "?"
	query := ""
	for _, p := range op.GetParameters() {
		value, given := "", len(p.GetExamples()) > 0
		if given {
			value = plain(t, p.GetExamples()[0])
		}
		switch p.GetLocation() {
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH:
			if given {
				path = strings.Replace(path, "{"+p.GetName()+"}", url.PathEscape(value), 1)
			}
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY:
			query += separator + url.QueryEscape(p.GetName()) + "=" + url.QueryEscape(value)
			separator = "&"
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER:
			s.Headers = append(s.Headers, p.GetName()+": "+value)
		default:
			t.Errorf("the parameter %q has the location %s", p.GetName(), p.GetLocation())
		}
	}
	s.URL = out.Server.GetUrlTemplate() + path + query
	for _, m := range op.GetRequestBody().GetContents() {
		s.Headers = append(s.Headers, "Content-Type: "+m.GetMediaType())
		if len(m.GetExamples()) > 0 {
			s.Body = m.GetExamples()[0]
		}
	}
	return s
}

// What is inferred, called with its own examples, is inferred again: nothing of a
// request gets lost or changes on the way.
func TestAnOperationCalledWithItsExamplesIsInferredAgain(t *testing.T) {
	for seed := range uint64(500) {
		s := anything(rand.New(rand.NewPCG(seed, 2)))
		if strings.Contains(fmt.Sprint(s.Headers), "text/plain") || strings.Contains(fmt.Sprint(s.Headers), "urlencoded") {
			s.Body = nil // texts have no examples, and those of forms are JSON
		}
		// Placeholders have no values, so that strings are all that is known of them.
		s.URL = strings.NewReplacer("%7Ba%7D", "x", "%7B%7Ba%7D%7D", "x").Replace(s.URL)
		first := inferred(t, s)
		second := inferred(t, executed(t, first))
		if diff := cmp.Diff(whole(first), whole(second), protocmp.Transform()); diff != "" {
			t.Fatalf("%+v\n(-first +second):\n%s", s, diff)
		}
	}
}

// The query as another reader of URLs sees it.
func TestParametersOfTheQueryAreThoseOfTheURL(t *testing.T) {
	for seed := range uint64(300) {
		s := anything(rand.New(rand.NewPCG(seed, 3)))
		u, err := url.Parse(strings.NewReplacer("{", "%7B", "}", "%7D").Replace(s.URL))
		if err != nil {
			t.Fatal(err)
		}
		want, got := map[string]string{}, map[string]string{}
		for name, values := range u.Query() {
			if values[0] != "" && !strings.HasPrefix(values[0], "{") {
				want[name] = values[0]
			}
		}
		for _, p := range inferred(t, s).Operation.GetParameters() {
			if p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY && len(p.GetExamples()) > 0 {
				got[p.GetName()] = plain(t, p.GetExamples()[0])
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.URL, diff)
		}
	}
}

// Options that say nothing about the API change nothing, wherever they stand.
func TestOptionsThatSayNothingChangeNothing(t *testing.T) {
	want := inferred(t, infer.Sample{Curl: `curl -X POST https://api.example.com/items/7 -H 'X-A: b' -d 'c=d'`})
	words := []string{"-X POST", "https://api.example.com/items/7", "-H 'X-A: b'", "-d 'c=d'"}
	for _, option := range []string{
		"-s", "-sS", "-k", "--insecure", "-L", "-o /dev/null", "-o/dev/null", "--output=x", "-w '%{http_code}'", "-x proxy:3128", "--proxy-user a:b", "--max-time 5",
		"-m5", "--retry 3", "--http1.1", "--http2-prior-knowledge", "--cacert a.pem", "--resolve a:1:2", "-A agent", "-e https://r.example", "--no-keepalive", "-#",
		"--limit-rate 1k", "-c jar", "-D headers", "--interface eth0", "--tls-max 1.3", "--ciphers X", "--unix-socket /s", "--connect-to ::x:1", "-4", "-N", "-Z", "-q",
		"--fail-with-body", "--create-dirs", "--trace-time", "--stderr -", "--noproxy '*'", "--dns-servers 1.1.1.1", "--variable a=b", "--frobnicate",
	} {
		for at := range len(words) + 1 {
			command := "curl " + strings.Join(words[:at], " ") + " " + option + " " + strings.Join(words[at:], " ")
			if got := inferred(t, infer.Sample{Curl: command}); !proto.Equal(whole(want), whole(got)) {
				t.Errorf("%s: %v", command, outline(got))
			}
		}
	}
}

// Whatever is cut off or changed, a command is understood or refused.
func TestBrokenCommandsAreRefusedOrUnderstood(t *testing.T) {
	commands := []string{
		`curl -sXPOST "https://u:p@{{host}}/a/{b}/:c/12?x=%zz&y={z}" -H $'X-A: \u00e9\x41' -F 'a="b;c";type=d' --json '{"a":[1]}' -b 'a=b; c' --url-query x@y`,
		"curl ^\"https://a.example.com/^%^7B^\" ^\n -d ^\"{^\\^\"a^\\^\":1}^\"",
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, command := range commands {
		for cut := range len(command) {
			broken := []byte(command)
			broken[r.IntN(len(broken))] = "\"'\\$`{}^;\x00\xff\n %"[r.IntN(14)]
			for _, text := range []string{command[:cut], command[cut:], "curl " + command[cut:], string(broken)} {
				if out, err := infer.Operation(t.Context(), infer.Sample{Curl: text}); err == nil {
					if _, err := proto.Marshal(whole(out)); err != nil {
						t.Errorf("%q: %v", text, err)
					}
					valid(t, out)
				}
			}
		}
	}
}
