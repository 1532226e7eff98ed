package edge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestOptionsOfInvocations(t *testing.T) {
	const path = "/v1/environments/default/connections/c/operations/o"
	for _, row := range []struct {
		name, target string
		keys         []string
		refused      string // a part of the sentence; empty: it is not
		key          string // that the call has then
	}{
		{"none", path + ":invoke", nil, "", ""},
		{"all spellings", path + ":invoke?idempotencyKey=a&response_validation=RESPONSE_VALIDATION_STRICT&allPages.maxItems=3&timeout=2s&includeLogs=true&link=%2Fx", nil, "", "a"},
		{"a misspelt one", path + ":invoke?idempotency-key=a", nil, `no option "idempotency-key"; there are timeout, revision, onBehalfOf, link, idempotencyKey`, ""},
		{"an input", path + ":invoke?limit=3", nil, "inputs of the operation go into the body", ""},
		{"a field of the path", path + ":invoke?connection=x", nil, "no option", ""},
		{"a key in the header", path + ":invoke", []string{"k 1"}, "", "k 1"},
		{"a key in the header, in quotes", path + ":invoke?timeout=2s", []string{`"k\"1"`}, "", `k"1`},
		{"the same in both", path + ":invoke?idempotency_key=k", []string{`k`}, "", "k"},
		{"two different ones", path + ":invoke?idempotencyKey=k", []string{`l`}, "several idempotency keys", ""},
		{"two headers", path + ":invoke", []string{"k", "l"}, "several idempotency keys", ""},
		{"an empty header", path + ":invoke", []string{`""`}, "no or several", ""},
		{"of another method", path + ":invokePages?x=1", []string{"k"}, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, row.target, http.NoBody)
			for _, key := range row.keys {
				r.Header.Add("Idempotency-Key", key)
			}
			err := readOptions(r)
			if (err != nil) != (row.refused != "") || (err != nil && !strings.Contains(fault.From(err).Message(), row.refused)) {
				t.Fatalf("error %v", err)
			}
			query := r.URL.Query()
			if got := query.Get("idempotencyKey") + query.Get("idempotency_key"); err == nil && got != row.key {
				t.Errorf("key %q", got)
			}
		})
	}
}
