package handshake_test

import (
	"slices"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/handshake"
)

func TestDefinitionsMayNameEveryHandshakeAndNoOther(t *testing.T) {
	if got, want := handshake.Names(), definition.WebhookHandshakes(); !slices.Equal(got, want) {
		t.Errorf("the handshakes are %q; definitions may name %q", got, want)
	}
}
