package cli

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) connectors() *cobra.Command {
	var filter string
	cmd := &cobra.Command{
		Use:   "connectors",
		Short: "List connectors",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			out := a.listing("CONNECTOR", "TITLE", "ACTIONS", "TRIGGERS", "PUBLISHED")
			err = everyPage(func(token string) (string, error) {
				var res registryv1.ListConnectorsResponse
				query := url.Values{"page_token": {token}, "page_size": {"1000"}, "filter": {filter}}
				if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.parent(), "connectors"), query, nil, &res); err != nil {
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
			return out.end("there are no connectors; `ferrule import PATH` makes one")
		},
	}
	cmd.Flags().StringVar(&filter, "filter", "", "only connectors whose id, title or description contains all of these words")
	return cmd
}

func connectorRow(c *registryv1.Connector) []string {
	published := "no"
	if c.GetPublishedRevision() != "" {
		published = id(c.GetPublishedRevision())[:12]
	}
	return []string{
		id(c.GetName()), short(c.GetTitle(), 48),
		strconv.Itoa(int(c.GetActionCount())), strconv.Itoa(int(c.GetTriggerCount())), published,
	}
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
