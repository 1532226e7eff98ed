package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) connectors() *cobra.Command {
	var filter string
	flags := func(cmd *cobra.Command) *cobra.Command {
		cmd.Flags().StringVar(&filter, "filter", "", "only connectors whose id, title or description contains all of these words")
		return cmd
	}
	run := func(cmd *cobra.Command, _ []string) error { return a.listConnectors(cmd.Context(), filter) }
	cmd := flags(&cobra.Command{
		Use:   "connectors",
		Short: "List connectors, and say who may change them",
		Long: `Connectors lists the connectors of the environment with their owners and editors. A
connector belongs to who made it: only the owner, the editors and administrators
may import over it, edit, publish, deprecate and delete it, and make OAuth clients
for it. "ferrule connectors share" names editors.`,
		Example: `  ferrule connectors --filter parcels
  ferrule connectors share inventory --editor bob`,
		Args: exactArgs(0),
		RunE: run,
	})
	cmd.AddCommand(
		flags(&cobra.Command{Use: "list", Short: "List connectors, like connectors alone", Args: exactArgs(0), RunE: run}),
		a.shareConnector(),
	)
	return cmd
}

func (a *app) listConnectors(ctx context.Context, filter string) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	out := a.listing("CONNECTOR", "TITLE", "ACTIONS", "TRIGGERS", "PUBLISHED", "OWNER", "EDITORS")
	err = everyPage(func(token string) (string, error) {
		var res registryv1.ListConnectorsResponse
		query := url.Values{"page_token": {token}, "page_size": {"1000"}, "filter": {filter}}
		if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "connectors"), query, nil, &res); err != nil {
			return "", err
		}
		for _, c := range res.GetConnectors() {
			if err := out.add(c, connectorRow(c)); err != nil {
				return "", err
			}
		}
		return res.GetNextPageToken(), nil
	})
	if err != nil {
		return err
	}
	if filter != "" {
		return out.end(fmt.Sprintf("no connector has all of %q in its id, title or description", filter))
	}
	return out.end("there are no connectors; `ferrule import PATH` makes one")
}

func connectorRow(c *registryv1.Connector) []string {
	published := "no"
	if c.GetPublishedRevision() != "" {
		published = id(c.GetPublishedRevision())[:12]
	}
	return []string{
		id(c.GetName()), short(c.GetTitle(), 48),
		strconv.Itoa(int(c.GetActionCount())), strconv.Itoa(int(c.GetTriggerCount())), published,
		ownerOf(c), short(strings.Join(c.GetEditors(), ", "), 48),
	}
}

// ownerOf is the name of a connector's owner, and "-" if it has none.
func ownerOf(c *registryv1.Connector) string {
	if c.GetOwner() == "" {
		return "-"
	}
	return short(c.GetOwner(), 32)
}

// everyPage calls page with each page token until there is none.
func everyPage(page func(token string) (next string, err error)) error {
	for token, first := "", true; first || token != ""; first = false {
		next, err := page(token)
		if err != nil {
			return err
		}
		token = next
	}
	return nil
}
