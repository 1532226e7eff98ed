package signature_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/handshake"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

func TestTheReadmeNamesEveryPresetAndHandshake(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for _, p := range presets(t) {
		row := "| `" + p.Name + "` | " + p.Title + " | " + bestSource(p) + " | " + strings.Join(p.Handshakes, ", ") + " |"
		if !slices.Contains(lines, row) {
			t.Errorf("README.md has no line %q", row)
		}
	}
	for _, name := range handshake.Names() {
		if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "| `"+name+"` | ") }) {
			t.Errorf("README.md does not explain the handshake %q", name)
		}
	}
}

// bestSource is who vouches for a preset, as the table says it.
func bestSource(p signature.Preset) string {
	sources := map[string]bool{}
	for _, v := range p.Vectors {
		sources[v.Source] = true
	}
	switch {
	case sources["published"]:
		return "provider"
	case sources["library"]:
		return "library"
	}
	return "computed"
}
