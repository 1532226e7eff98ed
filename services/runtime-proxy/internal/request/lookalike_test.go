package request_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

func headerOf(names string) map[string][]string {
	header := map[string][]string{}
	for name := range strings.FieldsSeq(names) {
		header[name] = []string{"1"}
	}
	return header
}

func TestNamesThatSomeServersTakeForTheSame(t *testing.T) {
	for _, row := range []struct{ name, sent, added, want string }{
		{"nothing alike", "A-B C_D", "E-F", "A-B C_D E-F"},
		{"the caller's own, alike", "A-B A_B A_b", "", "A-B"},
		{"all of them with lines", "A_B-C A-B_C", "", ""},
		{"beside one of ours", "A_B C", "A-B", "A-B C"},
		{"beside one of ours that has a line", "A-B C", "A_B", "A_B C"},
		{"in other letters", "a_b", "A-B", "A-B"},
		{"two, and one of ours", "A_B A-B", "A_b", "A_b"},
		{"ours in the place of the caller's", "A-B A_B", "A-B", "A-B"},
		{"two of ours", "C", "A-B A_B", "A-B A_B C"},
		{"none", "", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			header := headerOf(row.sent)
			request.DropAmbiguous(header)
			given := maps.Clone(header)
			maps.Copy(header, headerOf(row.added))
			request.DropAlike(header, given)
			if got := strings.Join(slices.Sorted(maps.Keys(header)), " "); got != row.want {
				t.Errorf("left %q, want %q", got, row.want)
			}
		})
	}
}
