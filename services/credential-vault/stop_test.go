package vault_test

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// TestAnOrderlyStopLeavesTimeForTheAnswersOfProviders: the store is closed after
// that, and a new token that is not stored by then may be lost for good.
func TestAnOrderlyStopLeavesTimeForTheAnswersOfProviders(t *testing.T) {
	var o service.Options
	o.Flags(pflag.NewFlagSet("", pflag.ContinueOnError))
	if parts := o.StopTimeout / 2; parts < core.StopLimit { // see run.Config
		t.Errorf("services have %v to stop, and renewals may need %v", parts, core.StopLimit)
	}
}
