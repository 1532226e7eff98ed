package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// exchanged is how the reason of a rotation begins that has exchanged all keys and
// waits until it may destroy the old ones.
const exchanged = "all keys are exchanged"

// rotationEvery is how often the server is asked how far a rotation has come.
const rotationEvery = 500 * time.Millisecond

func (a *app) keys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Exchange the keys that secrets are encrypted with",
		Long: `Secrets are encrypted in three levels: every connection has a key, which the data
key of its environment encrypts, which the master key encrypts. The master key is in
a file of the vault or in a key management service. Only administrators may
exchange keys; the server goes on serving meanwhile.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.rotateKeys(), a.keyRotation())
	return cmd
}

func (a *app) rotateKeys() *cobra.Command {
	var level string
	var all, wait bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Exchange keys, or go on with what was interrupted",
		Long: `Rotate shows progress until all keys are exchanged. Minutes later, when no request can
use them any more, the server destroys the old keys by itself: --wait waits for that too,
and "ferrule keys status" tells. Ending this command ends nothing on the server.`,
		Example: `  ferrule keys rotate
  ferrule keys rotate --level data --all`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			number, ok := map[string]vaultv1.KeyLevel{
				"": vaultv1.KeyLevel_KEY_LEVEL_UNSPECIFIED, "master": vaultv1.KeyLevel_KEY_LEVEL_MASTER, "data": vaultv1.KeyLevel_KEY_LEVEL_DATA,
			}[level]
			if !ok {
				return usage("--level must be master or data, not %q", level)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			req := &vaultv1.RotateKeysRequest{Level: number, Environment: a.parent()}
			if all || number == vaultv1.KeyLevel_KEY_LEVEL_MASTER {
				req.Environment = ""
			}
			var rotation vaultv1.KeyRotation
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path("keyRotations"), nil, req, &rotation); err != nil {
				return err
			}
			return a.followRotation(cmd.Context(), client, &rotation, wait)
		},
	}
	cmd.Flags().StringVar(&level, "level", "", "keys to exchange: master or data (default both)")
	cmd.Flags().BoolVar(&all, "all", false, "data keys of all environments, not only of --env")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the old keys are destroyed, too")
	return cmd
}

func (a *app) keyRotation() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how far the latest exchange of keys has come",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var rotation vaultv1.KeyRotation
			err = client.Call(cmd.Context(), http.MethodGet, rest.Path("keyRotations", "latest"), nil, nil, &rotation)
			if fault.ReasonOf(err) == fault.ReasonKeyRotationNotFound && !a.json() {
				a.progress("no keys have been exchanged yet; `ferrule keys rotate` exchanges them")
				return nil
			}
			if err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&rotation)
			}
			a.printf("%s\n", rotationLine(&rotation))
			return nil
		},
	}
}

// followRotation shows progress until a rotation has ended, or until the server
// needs nobody any more, unless wait says otherwise.
func (a *app) followRotation(ctx context.Context, client *rest.Client, rotation *vaultv1.KeyRotation, wait bool) error {
	shown := ""
	for {
		if line := rotationLine(rotation); !a.json() && line != shown {
			a.progress("%s", line)
			shown = line
		}
		if rotation.GetState() != vaultv1.KeyRotationState_KEY_ROTATION_STATE_RUNNING {
			break
		}
		if !wait && strings.HasPrefix(rotation.GetReason(), exchanged) {
			a.progress("nothing is left to do here: the server ends it by itself; `ferrule keys status` shows when it has")
			break
		}
		select {
		case <-ctx.Done():
			a.progress("the server goes on by itself; `ferrule keys status` shows how far it is")
			return ctx.Err()
		case <-a.clock.After(rotationEvery):
		}
		name := rotation.GetName()
		rotation.Reset()
		if err := client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, rotation); err != nil {
			return err
		}
	}
	if rotation.GetState() == vaultv1.KeyRotationState_KEY_ROTATION_STATE_FAILED {
		return fault.Unavailable(fault.ReasonKeyUnavailable, "the exchange of keys stopped: %s; run the command again to go on", rotation.GetReason())
	}
	if a.json() {
		return a.printMessage(rotation)
	}
	return nil
}

func rotationLine(r *vaultv1.KeyRotation) string {
	var parts []string
	if r.GetTotal() > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d keys", r.GetDone(), r.GetTotal()))
	}
	if r.GetMasterKey() != "" {
		parts = append(parts, "master key "+r.GetMasterKey())
	}
	if r.GetReason() != "" {
		parts = append(parts, r.GetReason())
	}
	line := id(r.GetName()) + ": " + enumWord(r.GetState(), "KEY_ROTATION_STATE_")
	if len(parts) > 0 {
		line += " (" + strings.Join(parts, ", ") + ")"
	}
	return line
}
