package cli

import (
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) subscribe() *cobra.Command {
	var subscriptionID, text string
	var params, sinks []string
	var every time.Duration
	var unsigned bool
	cmd := &cobra.Command{
		Use:   "subscribe CONNECTION TRIGGER",
		Short: "Receive an event whenever something happens in the API",
		Long: `Subscribe starts a trigger. A polling trigger asks the API again and again; a
webhook trigger registers a callback at the API. Events are kept for a week:
"ferrule events SUBSCRIPTION" shows them.`,
		Example: `  ferrule subscribe shop OnItemListed --every 10s
  ferrule subscribe shop OnItemCreated --to https://example.com/events`,
		Args: exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			input, err := a.input(text, params)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			subscription := &triggerv1.Subscription{
				Connection: a.resource("connections", args[0]), OperationId: args[1],
				Input: string(input), UnsignedAccepted: unsigned,
			}
			if cmd.Flags().Changed("every") {
				subscription.Interval = durationpb.New(every)
			}
			for _, sink := range sinks {
				subscription.Sinks = append(subscription.Sinks, &triggerv1.Sink{
					Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: sink}},
				})
			}
			query := url.Values{}
			if subscriptionID != "" {
				query.Set("subscription_id", subscriptionID)
			}
			var created triggerv1.Subscription
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(a.parent(), "subscriptions"), query, subscription, &created); err != nil {
				return err
			}
			return a.printSubscribed(&created, args[0], args[1])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&subscriptionID, "id", "", "id of the subscription; made from the trigger if not given")
	flags.StringVarP(&text, "input", "i", "", "input of the trigger as JSON, @FILE, or - for standard input")
	flags.StringArrayVarP(&params, "param", "p", nil, "one member of the input, name=value or name:=JSON (repeatable)")
	flags.StringArrayVar(&sinks, "to", nil, "URL that receives each event as a CloudEvent (repeatable)")
	flags.DurationVar(&every, "every", 0, "time between two polls, at least 1s; 1m if not given")
	flags.BoolVar(&unsigned, "unsigned", false, "accept notifications that nobody signed")
	return cmd
}

// printSubscribed says what comes next.
func (a *app) printSubscribed(created *triggerv1.Subscription, connection, operation string) error {
	if a.json() {
		return a.printMessage(created)
	}
	a.printf("subscribed %s to %s of %s (%s)\n", id(created.GetName()), operation, connection, enumWord(created.GetState(), "SUBSCRIPTION_STATE_"))
	if callback := created.GetCallbackUrl(); callback != "" {
		a.printf("  enter this URL at the API: %s\n", callback)
	}
	a.printf("  ferrule events %s --follow\n", id(created.GetName()))
	return nil
}

func (a *app) subscriptions() *cobra.Command {
	return &cobra.Command{
		Use:   "subscriptions",
		Short: "List your subscriptions",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			out := a.listing("SUBSCRIPTION", "CONNECTION", "TRIGGER", "STATE", "WHY")
			err = everyPage(func(token string) (string, error) {
				var res triggerv1.ListSubscriptionsResponse
				query := url.Values{"page_token": {token}, "page_size": {"1000"}}
				if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.parent(), "subscriptions"), query, nil, &res); err != nil {
					return "", err
				}
				for _, s := range res.GetSubscriptions() {
					row := []string{
						id(s.GetName()), id(s.GetConnection()), s.GetOperationId(),
						enumWord(s.GetState(), "SUBSCRIPTION_STATE_"), short(s.GetStateReason(), 60),
					}
					if err := out.add(s, row); err != nil {
						return "", err
					}
				}
				return res.GetNextPageToken(), nil
			})
			if err != nil {
				return err
			}
			return out.end("there are no subscriptions of yours; `ferrule subscribe CONNECTION TRIGGER` makes one")
		},
	}
}
