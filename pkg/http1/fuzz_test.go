package http1

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzRequests: whatever comes on a connection, each request is seen by the handler, and
// answered, as net/http does it. So there is nothing by which a request could be one
// for us and another, or two, for somebody who takes it as net/http does.
func FuzzRequests(f *testing.F) {
	for _, row := range requests {
		f.Add([]byte(row.text + last))
		f.Add([]byte(row.text[:len(row.text)*2/3]))
	}
	theirs, ours := plain(f, http.HandlerFunc(dump)), ours(f, http.HandlerFunc(dump))
	f.Fuzz(func(t *testing.T, text []byte) {
		want, got := theirs.converse(t, string(text), true), ours.converse(t, string(text), true)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("answers (-net/http +ours):\n%s", diff)
		}
	})
}
