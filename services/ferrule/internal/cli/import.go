package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
)

func (a *app) importCommand() *cobra.Command {
	var connectorID string
	var publish bool
	cmd := &cobra.Command{
		Use:   "import PATH|URL|DIR...",
		Short: "Make connectors from descriptions of APIs",
		Long: `Import makes a connector, or a new revision of one, from each description:
an OpenAPI 2.0 document as a file or URL (JSON or YAML), or the directory of a
connector package (apiDefinition.swagger.json with apiProperties.json).

The first revision of a connector is published at once; later ones are drafts
until they are published.`,
		Example: `  ferrule import api.swagger.json
  ferrule import https://api.example.com/swagger.json --id example
  ferrule import packages/*`,
		Args: minArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if connectorID != "" && len(args) > 1 {
				return usage("--id names one connector, but %d descriptions were given", len(args))
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			failed := 0
			ids := idsOf(args)
			for n, arg := range args {
				req := &registryv1.ImportConnectorRequest{Parent: a.parent(), ConnectorId: cmp.Or(connectorID, ids[n]), Publish: publish}
				if err := a.importOne(cmd.Context(), client, arg, req); err != nil {
					if cmd.Context().Err() != nil || len(args) == 1 {
						return err
					}
					a.progress("%s:", arg)
					a.printError(err)
					failed++
				}
			}
			if failed > 0 {
				a.progress("%d of %d could not be imported", failed, len(args))
				return errReported
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&connectorID, "id", "", "id of the connector; made from the directory's name or the title if not given")
	cmd.Flags().BoolVar(&publish, "publish", false, "publish the new revision at once")
	return cmd
}

// idsOf chooses the ids of the connectors that directories become: their names,
// which stay the same when the same directories are imported again, whatever
// their titles. For everything else the server makes an id from the title.
func idsOf(args []string) []string {
	ids := make([]string, len(args))
	used := map[string]int{}
	for n, arg := range args {
		if info, err := os.Stat(arg); err != nil || !info.IsDir() {
			continue
		}
		abs, err := filepath.Abs(arg)
		if err != nil {
			continue
		}
		id := resource.NewID(filepath.Base(abs))
		if used[id]++; used[id] > 1 {
			id = resource.NewID(fmt.Sprintf("%s %d", filepath.Base(abs), used[id]))
		}
		ids[n] = id
	}
	return ids
}

func (a *app) importOne(ctx context.Context, client *rest.Client, arg string, req *registryv1.ImportConnectorRequest) error {
	if strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://") {
		req.Source = &registryv1.ImportConnectorRequest_Url{Url: arg}
	} else {
		files, err := sources.Read(arg)
		if err != nil {
			return err
		}
		req.Source = &registryv1.ImportConnectorRequest_Files{Files: files}
	}
	var res registryv1.ImportConnectorResponse
	if err := client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connectors")+":import", nil, req, &res); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(res.GetConnector())
	}
	a.printImport(&res)
	return nil
}

func (a *app) printImport(res *registryv1.ImportConnectorResponse) {
	c, r := res.GetConnector(), res.GetRevision()
	verb := "imported"
	if !res.GetCreated() {
		verb = "unchanged"
	}
	a.printf("%s %s: %s, %s and %s (%s revision %s)\n", verb, id(c.GetName()), c.GetTitle(),
		plural(r.GetActionCount(), "action"), plural(r.GetTriggerCount(), "trigger"),
		enumWord(r.GetState(), "REVISION_STATE_"), id(r.GetName())[:12])
	if r.GetState() == registryv1.RevisionState_REVISION_STATE_DRAFT {
		a.printf("  it is a draft; `ferrule publish %s %s` makes it the one that is used\n", id(c.GetName()), id(r.GetName()))
	}
	if n := len(r.GetFindings()); n > 0 {
		a.printf("  %s; `ferrule validate` shows them\n", plural(n, "finding"))
	}
}
