package policy

import (
	"os"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/policytext"
)

// What a template accepts is written down beside what applies it, for the checks of
// imports: whoever forgets one of the two is told here.
func TestEveryTemplateIsAppliedAndDescribed(t *testing.T) {
	applied := templates()
	for id := range applied {
		described, ok := policytext.TemplateOf(id)
		if !ok {
			t.Errorf("template %q is applied and not described, so that imports call it unknown: add it to the list in pkg/policytext/templates.go", id)
		}
		if ok && len(described.Sections) == 0 {
			t.Errorf("template %q has no sections in pkg/policytext/templates.go: say on which sides of a call it works", id)
		}
	}
	for _, id := range policytext.TemplateIDs() {
		if _, ok := applied[id]; !ok {
			t.Errorf("template %q is described and not applied, so that calls are refused that imports accept: add its constructor to templates() in policy.go", id)
		}
		if _, err := os.Stat("testdata/" + id + ".json"); err != nil && applied[id].step != nil {
			t.Errorf("template %q has no cases: add testdata/%s.json", id, id)
		}
	}
}
