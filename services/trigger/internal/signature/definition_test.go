package signature_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

func TestDefinitionsMayNameEveryPresetAndNoOther(t *testing.T) {
	presets, err := signature.Presets()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range presets {
		names = append(names, p.Name)
	}
	if want := definition.WebhookPresets(); !slices.Equal(names, want) {
		t.Errorf("the presets are %q; definitions may name %q", names, want)
	}
}

func TestDefinitionsMayNameSchemesThatExist(t *testing.T) {
	for _, name := range definition.WebhookSchemes() {
		_, _, err := signature.Resolve(signature.Rule{Scheme: name, Header: "X-Signature"})
		if errors.Is(err, signature.ErrUnknownScheme) {
			t.Errorf("definitions may name the scheme %q, which is unknown", name)
		}
	}
	if _, _, err := signature.Resolve(signature.Rule{Scheme: "seal"}); !errors.Is(err, signature.ErrUnknownScheme) {
		t.Errorf("a scheme that nobody knows: %v", err)
	}
}
