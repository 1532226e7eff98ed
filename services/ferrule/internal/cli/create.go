package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) create() *cobra.Command {
	var connectorID, description, file string
	var servers []string
	var publish bool
	cmd := &cobra.Command{
		Use:   "create [TITLE]",
		Short: "Make a connector from blank, or from a definition",
		Long: `Create makes a connector that was not imported: an empty one with a title and a
server, to which ` + "`ferrule infer --add`" + ` and ` + "`ferrule edit`" + ` add operations, or one from
a definition file. Its first revision is a draft.`,
		Example: `  ferrule create "Parcel tracking" --server-url https://api.parcels.example
  ferrule infer --add parcel-tracking --curl 'curl https://api.parcels.example/v1/parcels/42' --response @parcel.json
  ferrule publish parcel-tracking latest`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) == 1) == (file != "") || len(args) > 1 {
				return usage("create takes a title, or --definition FILE: %s", cmd.UseLine())
			}
			var def *connectorv1.Definition
			if file != "" {
				var err error
				if def, err = readDefinition(file); err != nil {
					return err
				}
			} else {
				def = blank(args[0], description, servers)
			}
			return a.createConnector(cmd.Context(), &registryv1.CreateConnectorRequest{
				Parent: a.parent(), ConnectorId: connectorID, Definition: def, Publish: publish,
			})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&connectorID, "id", "", "id of the connector; made from the title if not given")
	flags.StringVar(&description, "description", "", "what the API is about")
	flags.StringArrayVar(&servers, "server-url", nil, "URL at which the API is reached (repeatable; the first counts)")
	flags.StringVar(&file, "definition", "", "file with a definition, as \"ferrule export --format ferrule\" writes it")
	flags.BoolVar(&publish, "publish", false, "publish the revision at once")
	return cmd
}

// blank is a definition that can do nothing yet.
func blank(title, description string, servers []string) *connectorv1.Definition {
	def := &connectorv1.Definition{
		Info:          &connectorv1.Info{Title: title, Description: description},
		ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
	}
	for _, url := range servers {
		def.Servers = append(def.Servers, &connectorv1.Server{UrlTemplate: url})
	}
	return def
}

func readDefinition(path string) (*connectorv1.Definition, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read definition: %w", err)
	}
	return definition.Unmarshal(text)
}

func (a *app) createConnector(ctx context.Context, req *registryv1.CreateConnectorRequest) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	var res registryv1.CreateConnectorResponse
	if err := client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connectors"), nil, req, &res); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(res.GetConnector())
	}
	c, r := res.GetConnector(), res.GetRevision()
	a.printf("made %s: %s (%s revision %s)\n", id(c.GetName()), cmp.Or(c.GetTitle(), r.GetTitle()),
		enumWord(r.GetState(), "REVISION_STATE_"), shortRevision(r.GetName()))
	a.printErrors(r.GetFindings())
	return nil
}
