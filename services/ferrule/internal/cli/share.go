package cli

import (
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) shareConnector() *cobra.Command {
	var req registryv1.ShareConnectorRequest
	cmd := &cobra.Command{
		Use:   "share CONNECTOR",
		Short: "Say who may change a connector",
		Long: `Share names the editors of a connector, and hands it over. It is for its owner and
for administrators. Editors may do with it what its owner may, except to share it:
import over it, edit, publish, deprecate and delete it, and make OAuth clients for
it. By that they decide where the credentials of its connections go, so name few.

Names are those in the tokens of the others ("ferrule token NAME"). Nobody
knows them all, so that they are not looked up: write them exactly. An editor needs
the role maker as well. Who hands a connector over stays an editor, unless --remove
names them. --remove '*' removes all editors; those that --editor names are added
after that.

What custom code of a former editor has kept (ctx.state) stays. Publish code with a
line "//# state=NAME", with a name that nobody could have guessed, to begin with none.`,
		Example: `  ferrule connectors share inventory --editor bob --editor carol
  ferrule connectors share inventory --remove bob
  ferrule connectors share inventory --owner carol
  ferrule connectors share inventory --remove '*'`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(req.GetAddEditors())+len(req.GetRemoveEditors()) == 0 && req.GetOwner() == "" {
				return usage("share needs --editor, --remove or --owner; `ferrule describe %s` shows who may change it", args[0])
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			req.Name = a.resource("connectors", args[0])
			var c registryv1.Connector
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(req.GetName())+":share", nil, &req, &c); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&c)
			}
			a.printf("shared %s\n", id(c.GetName()))
			a.printOwner(&c)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&req.AddEditors, "editor", nil, "name of somebody who may change it from now on (repeatable)")
	flags.StringArrayVar(&req.RemoveEditors, "remove", nil, "name of an editor who may do so no more, or * for all (repeatable)")
	flags.StringVar(&req.Owner, "owner", "", "name of the new owner")
	return cmd
}

// printOwner says who may change a connector.
func (a *app) printOwner(c *registryv1.Connector) {
	if c.GetOwner() == "" {
		a.printf("owner: none, only administrators may change it\n")
	} else {
		a.printf("owner: %s\n", c.GetOwner())
	}
	if len(c.GetEditors()) > 0 {
		a.printf("editors: %s\n", strings.Join(c.GetEditors(), ", "))
	}
}
