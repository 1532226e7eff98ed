package derive

import (
	"slices"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/definition"
)

func TestProvidersHavePresetsThatExist(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range providers() {
		if !slices.Contains(definition.WebhookPresets(), p.preset) || seen[p.host] {
			t.Errorf("%s has the preset %q, which does not exist, or is there twice", p.host, p.preset)
		}
		seen[p.host] = true
		for _, name := range p.secrets {
			if plain(name) != name {
				t.Errorf("%s: %q is no plain name", p.host, name)
			}
		}
	}
}
