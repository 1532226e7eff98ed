package mapping_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/mapping"
)

// block returns the first fenced block of a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "```"+language+"\n")
	body, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("no block of %s", language)
	}
	return body
}

func TestTheExamplesOfTheREADMEAreTrue(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n## Mapping\n")
	e := event(t, block(t, section, "json"))
	n := 0
	for line := range strings.Lines(block(t, section, "text")) {
		left, right, ok := strings.Cut(line, "→")
		if !ok {
			t.Fatalf("no example: %q", line)
		}
		n++
		template, err := mapping.CompileTemplate(`{"x": ` + left + `}`)
		if err != nil {
			t.Errorf("%s: %v", left, err)
			continue
		}
		got, err := template.Render(t.Context(), e)
		if want := `{"x":` + strings.TrimSpace(right) + `}`; err != nil || string(got) != want {
			t.Errorf("%s\n got %s (%v)\nwant %s", left, got, err, want)
		}
	}
	if n < 10 {
		t.Errorf("%d examples", n)
	}
}
