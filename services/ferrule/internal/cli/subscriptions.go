package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) subscriptions() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "subscriptions",
		Short: "List, show, change, pause, resume and delete your subscriptions",
		Long: `A subscription is one use of a trigger. It is

  creating   it is being set up, or waits for its start time
  active     it produces events
  error      its last poll failed, or it could not be set up; it is tried again
  paused     by its owner: nothing is asked, and the callback is removed at the API
  suspended  it has failed for too long; "resume" tries again
  ended      its end time has passed
  deleting   its callback is being removed at the API`,
		Example: `  ferrule subscriptions
  ferrule subscriptions update new-items --every 5m
  ferrule subscriptions pause new-items`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listSubscriptions(cmd.Context()) },
	}
	list := &cobra.Command{
		Use: "list", Short: "List your subscriptions, like subscriptions alone", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listSubscriptions(cmd.Context()) },
	}
	cmd.AddCommand(list, a.showSubscription(), a.updateSubscription(), a.pauseSubscription(), a.resumeSubscription(), a.deleteSubscription())
	return cmd
}

func (a *app) listSubscriptions(ctx context.Context) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	out := a.listing("SUBSCRIPTION", "CONNECTION", "TRIGGER", "STATE", "WHY")
	err = a.eachSubscription(ctx, client, func(s *triggerv1.Subscription) error {
		return out.add(s, []string{
			id(s.GetName()), connectionText(s), triggerText(s),
			enumWord(s.GetState(), "SUBSCRIPTION_STATE_"), short(s.GetStateReason(), 60),
		})
	})
	if err != nil {
		return err
	}
	return out.end("there are no subscriptions of yours; `ferrule subscribe CONNECTION TRIGGER` makes one")
}

// eachSubscription calls f for the caller's subscriptions until it returns an error.
func (a *app) eachSubscription(ctx context.Context, client *rest.Client, f func(*triggerv1.Subscription) error) error {
	return everyPage(func(token string) (string, error) {
		var res triggerv1.ListSubscriptionsResponse
		query := url.Values{"page_token": {token}, "page_size": {"1000"}}
		if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "subscriptions"), query, nil, &res); err != nil {
			return "", err
		}
		for _, s := range res.GetSubscriptions() {
			if err := f(s); err != nil {
				return "", err
			}
		}
		return res.GetNextPageToken(), nil
	})
}

func (a *app) pauseSubscription() *cobra.Command {
	return &cobra.Command{
		Use:   "pause SUBSCRIPTION",
		Short: "Ask nothing and take nothing until it is resumed",
		Long: `Pause stops a subscription and keeps it. Its callback is removed at the API. What a
polling trigger misses is there when it is resumed; what a webhook trigger would have
been told is not.`,
		Example: "  ferrule subscriptions pause new-items",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.switchSubscription(cmd.Context(), args[0], ":pause", "paused", &triggerv1.PauseSubscriptionRequest{})
		},
	}
}

func (a *app) resumeSubscription() *cobra.Command {
	var skip bool
	cmd := &cobra.Command{
		Use:   "resume SUBSCRIPTION",
		Short: "Go on with a subscription that is paused or suspended",
		Example: `  ferrule subscriptions resume new-items
  ferrule subscriptions resume new-items --skip-missed`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.switchSubscription(cmd.Context(), args[0], ":resume", "resumed", &triggerv1.ResumeSubscriptionRequest{SkipMissed: skip})
		},
	}
	cmd.Flags().BoolVar(&skip, "skip-missed", false, "what appeared meanwhile is no event")
	return cmd
}

func (a *app) deleteSubscription() *cobra.Command {
	return &cobra.Command{
		Use:   "delete SUBSCRIPTION",
		Short: "End a subscription and remove its callback at the API",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name := a.resource("subscriptions", args[0])
			if err := client.Call(cmd.Context(), http.MethodDelete, rest.Path(name), nil, nil, nil); err != nil {
				return err
			}
			a.progress("deleted subscription %s", id(name))
			return nil
		},
	}
}
