package runtimeproxy_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestAnswersThatCannotBeReadSayWhy, so that the right thing is looked at.
func TestAnswersThatCannotBeReadSayWhy(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		words  string
	}{
		{"text that calls itself gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte("notgzip"))
		}, "is not gzip, as its Content-Encoding says"},
		{"longer text that calls itself gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte(strings.Repeat("not gzip at all ", 100)))
		}, "is not gzip, as its Content-Encoding says"},
		{"many fields", func(w http.ResponseWriter, _ *http.Request) {
			for i := range 5000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), "a")
			}
		}, "more than 1000 fields"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := start(t, api(t, row.answer), nil)
			f := reasonIs(t, second(s.call("ListItems", "")), fault.ReasonUpstreamInvalidResponse)
			if !strings.Contains(f.Message(), row.words) {
				t.Errorf("message %q", f.Message())
			}
		})
	}
}
