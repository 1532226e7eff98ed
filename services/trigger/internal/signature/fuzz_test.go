package signature_test

import (
	"net/http"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// FuzzHeaders looks for headers that are accepted although nobody signed, or that
// make a parser fail.
func FuzzHeaders(f *testing.F) {
	all, err := signature.Presets()
	if err != nil {
		f.Fatal(err)
	}
	for i, p := range all {
		for _, v := range p.Vectors {
			for _, value := range v.Headers {
				f.Add(i, value, v.Body)
			}
		}
	}
	for _, value := range []string{"", ",", "t=,v1=", "t=1,t=1,v1=", "v1,", " v1,a v1,b ", "Basic ", "Basic \xff", "Bearer a.b.c", "\x00", "sha256="} {
		f.Add(0, value, "{}")
	}
	const secret = "0123456789abcdef0123456789abcdef" // nobody signs with it
	f.Fuzz(func(t *testing.T, n int, value, body string) {
		p := all[(n%len(all)+len(all))%len(all)]
		if p.Rule.Public() {
			return // it takes a key, not a secret
		}
		v, err := signature.New(signature.Rule{Scheme: p.Name}, signature.Keys{Secrets: [][]byte{[]byte(secret)}})
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{}
		for _, vector := range p.Vectors {
			for name := range vector.Headers {
				h.Set(name, value)
			}
		}
		if _, err := v.Verify(t.Context(), signature.Message{Header: h, URL: "https://example.com/?" + value, Body: []byte(body)}, noon); !isRefusal(err) {
			t.Fatalf("%s: %q is accepted: %v", p.Name, value, err)
		}
	})
}
