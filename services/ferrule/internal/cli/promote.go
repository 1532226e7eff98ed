package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) promote() *cobra.Command {
	var to, connectorID string
	var publish, allowBreaking, dryRun bool
	cmd := &cobra.Command{
		Use:   "promote CONNECTOR[@REVISION] --to ENVIRONMENT",
		Short: "Copy a connector to another environment",
		Long: `Promote copies a revision, with its source, policies and scripts, to another
environment. Connections and secrets do not travel: what has to be supplied there
is listed.`,
		Example: `  ferrule promote inventory --to production --dry-run
  ferrule promote inventory@latest --to production --publish`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return usage("promote needs --to ENVIRONMENT: %s", cmd.UseLine())
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			name, err := a.revisionNamed(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			req := &registryv1.PromoteConnectorRequest{
				Name: name, Environment: "environments/" + to, ConnectorId: connectorID,
				Publish: publish, AllowBreaking: allowBreaking, ValidateOnly: dryRun,
			}
			var res registryv1.PromoteConnectorResponse
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(name)+":promote", nil, req, &res); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&res)
			}
			a.printPromotion(&res, to, dryRun)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "", "id of the other environment")
	flags.StringVar(&connectorID, "id", "", "id of the connector there; the same as here if not given")
	flags.BoolVar(&publish, "publish", false, "publish the revision there at once")
	flags.BoolVar(&allowBreaking, "allow-breaking", false, "publish also if callers there break")
	flags.BoolVar(&dryRun, "dry-run", false, "say what would happen, and change nothing")
	return cmd
}

func (a *app) printPromotion(res *registryv1.PromoteConnectorResponse, to string, dryRun bool) {
	verb := "promoted"
	switch {
	case !res.GetCreated():
		verb = "unchanged"
	case dryRun:
		verb = "would promote"
	}
	r := res.GetRevision()
	a.printf("%s %s in environment %s (%s revision %s)\n", verb, id(res.GetConnector().GetName()), to,
		enumWord(r.GetState(), "REVISION_STATE_"), shortRevision(r.GetName()))
	a.printDiff(res.GetDiff(), fewChanges)
	a.printErrors(r.GetFindings())
	if len(res.GetRequirements()) > 0 {
		a.printf("  to be supplied there:\n")
	}
	for _, q := range res.GetRequirements() {
		a.printf("    %s: %s\n", q.GetParameterSet(), q.GetMessage())
	}
}
