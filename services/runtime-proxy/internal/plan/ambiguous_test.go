package plan_test

import (
	"testing"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
)

func TestPathsThatServersReadInSeveralWays(t *testing.T) {
	for path, want := range map[string]bool{
		"/": false, "": false, "/admin/items": false, "/admin/items/": false, "/admin/caf%C3%A9": false, "/a%20b?x=//;": false,
		"/admin/./items": true, "/admin/%2e/items": true, "/admin/../items": true, "/admin//items": true, "//admin": true,
		"/admin//": true, "/admin/items;v=1": true, "/admin/items%3Bv=1": true, "/admin%2fitems": true, "/admin%2Fitems": true,
		"/admin\\items": true, "/admin%5citems": true, "/admin/%zz": true,
	} {
		if got := plan.Ambiguous(path); got != want {
			t.Errorf("Ambiguous(%q) = %v, want %v", path, got, want)
		}
	}
}
