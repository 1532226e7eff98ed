package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) deleteCommand() *cobra.Command {
	var force bool
	collections := map[string]string{"connector": "connectors", "connection": "connections", "subscription": "subscriptions"}
	cmd := &cobra.Command{
		Use:   "delete connector|connection|subscription ID",
		Short: "Delete a connector, a connection or a subscription",
		Long: `Delete removes a connector, a connection with its secrets, or a subscription.
A webhook is also removed at the API, for which its connection is needed: what
your own connections or subscriptions still use is not deleted without --force.`,
		Args:      exactArgs(2),
		ValidArgs: []string{"connector", "connection", "subscription"},
		RunE: func(cmd *cobra.Command, args []string) error {
			collection, ok := collections[args[0]]
			if !ok {
				return usage("%q cannot be deleted; name a connector, connection or subscription", args[0])
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			name := a.resource(collection, args[1])
			if !force {
				if err := a.checkUnused(cmd.Context(), client, args[0], name); err != nil {
					return err
				}
			}
			if err := client.Call(cmd.Context(), http.MethodDelete, rest.Path(name), nil, nil, nil); err != nil {
				return err
			}
			a.progress("deleted %s %s", args[0], id(name))
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "delete even what is still used; its users fail from then on")
	return cmd
}

// checkUnused refuses to delete what the caller's own connections or
// subscriptions refer to. It is a courtesy, not a lock: others may use it too.
func (a *app) checkUnused(ctx context.Context, client *rest.Client, kind, name string) error {
	var users []string
	var err error
	switch kind {
	case "connector":
		users, err = a.connectionsOf(ctx, client, name)
	case "connection":
		users, err = a.subscriptionsOf(ctx, client, name)
	}
	if err != nil || len(users) == 0 {
		return err
	}
	return fault.Precondition(fault.ReasonInvalidArgument, "%s %s is used by %s; delete that first, or add --force", kind, id(name), users[0])
}

func (a *app) connectionsOf(ctx context.Context, client *rest.Client, connector string) (names []string, err error) {
	err = everyPage(func(token string) (string, error) {
		var res vaultv1.ListConnectionsResponse
		query := url.Values{"page_token": {token}, "page_size": {"1000"}, "connector": {connector}}
		if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "connections"), query, nil, &res); err != nil {
			return "", err
		}
		for _, c := range res.GetConnections() {
			names = append(names, "connection "+id(c.GetName()))
		}
		return res.GetNextPageToken(), nil
	})
	return names, err
}

func (a *app) subscriptionsOf(ctx context.Context, client *rest.Client, connection string) (names []string, err error) {
	err = a.eachSubscription(ctx, client, func(s *triggerv1.Subscription) error {
		if s.GetConnection() == connection {
			names = append(names, "subscription "+id(s.GetName()))
		}
		return nil
	})
	return names, err
}
