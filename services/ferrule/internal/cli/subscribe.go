package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// subscribeFlags are the flags of subscribe.
type subscribeFlags struct {
	id, list string
	is       subscriptionFlags
	to       sinkFlags
}

func (a *app) subscribe() *cobra.Command {
	var f subscribeFlags
	cmd := &cobra.Command{
		Use:   "subscribe CONNECTION TRIGGER",
		Short: "Receive an event whenever something happens in the API",
		Long: `Subscribe starts a trigger. A polling trigger asks the API again and again; a
webhook trigger registers a callback at the API. "ferrule trigger test" shows
beforehand what its events look like, "ferrule events SUBSCRIPTION" shows those that
have happened, and "ferrule subscriptions" changes, pauses and ends it.

Any operation that answers with a list becomes a polling trigger with --list:

  items    dot path of the list in the answer; left out if the answer is the list
  key      dot path of what identifies an item; left out for the whole item
  order    newest-first or oldest-first; left out where neither holds
  changed  items that have changed are events, too
  version  dot path of what changes with an item, such as its time of change
  cursor   PARAMETER:PATH, a value of the newest item that the next call is given,
           so that the API answers with newer ones only (repeatable)
  pages    pages that one poll follows at most

Events go to each URL of --to, signed as Standard Webhooks says ("ferrule
sink-secret" shows the secret), and to the action of --action. In --map, texts of
the form ${…} are expressions (CEL) on the event, which has the members id, source,
type, subject, time and data; --when and --order-by are such expressions, too.

Notifications that nobody signed are refused: --secret and --signature say how they
are signed if the connector does not, and --unsigned takes them as they are.`,
		Example: `  ferrule subscribe shop OnItemListed --every 10s
  ferrule subscribe shop OnOrder --cron "0 8 * * 1-5" --time-zone Europe/Berlin
  ferrule subscribe shop ListItems --list items=data.items,key=id,version=updated_at
  ferrule subscribe shop OnItemCreated --to https://example.com/events --when 'event.data.price > 100'
  ferrule subscribe code OnPush --signature github --secret -
  ferrule subscribe shop OnOrder --action chat/PostMessage --map '{"body": {"text": "Order ${event.data.id}"}}'`,
		Args: exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return a.runSubscribe(cmd, args, &f) },
	}
	cmd.Flags().StringVar(&f.id, "id", "", "id of the subscription; made from the trigger if not given")
	cmd.Flags().StringVar(&f.list, "list", "", "ask any operation for a list: "+listHelp)
	f.is.declare(cmd)
	f.to.declare(cmd)
	return cmd
}

func (a *app) runSubscribe(cmd *cobra.Command, args []string, f *subscribeFlags) error {
	if err := readOnce(append(f.is.readers(), append(f.to.readers(), f.list)...)...); err != nil {
		return err
	}
	subscription := &triggerv1.Subscription{Connection: a.resource("connections", args[0]), OperationId: args[1]}
	if _, err := f.is.apply(cmd, a, subscription); err != nil {
		return err
	}
	var err error
	if cmd.Flags().Changed("list") {
		if subscription.Polling, err = a.list(f.list); err != nil {
			return err
		}
	}
	if subscription.Sinks, err = f.to.sinks(cmd, a); err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	query := url.Values{}
	if f.id != "" {
		query.Set("subscription_id", f.id)
	}
	var created triggerv1.Subscription
	if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(a.parent(), "subscriptions"), query, subscription, &created); err != nil {
		return err
	}
	return a.printSubscribed(&created, args[0], args[1])
}

// printSubscribed says what comes next.
func (a *app) printSubscribed(created *triggerv1.Subscription, connection, operation string) error {
	if a.json() {
		return a.printMessage(created)
	}
	a.printf("subscribed %s to %s of %s (%s)\n", id(created.GetName()), operation, connection, enumWord(created.GetState(), "SUBSCRIPTION_STATE_"))
	if reason := created.GetStateReason(); reason != "" {
		a.printf("  %s\n", reason)
	}
	if callback := created.GetCallbackUrl(); callback != "" {
		a.printf("  enter this URL at the API: %s\n", callback)
	}
	for _, sink := range created.GetSinks() {
		if sink.GetHttp() != nil && sink.GetId() != "" {
			a.printf("  ferrule sink-secret %s %s\n", id(created.GetName()), sink.GetId())
		}
	}
	a.printf("  ferrule events %s --follow\n", id(created.GetName()))
	return nil
}

// subscription reads one subscription.
func (a *app) subscription(ctx context.Context, client *rest.Client, name string) (*triggerv1.Subscription, error) {
	s := &triggerv1.Subscription{}
	err := client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, s)
	return s, err
}
