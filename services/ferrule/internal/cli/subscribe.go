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
	notices  bool
	is       subscriptionFlags
	to       sinkFlags
}

func (a *app) subscribe() *cobra.Command {
	var f subscribeFlags
	cmd := &cobra.Command{
		Use:   "subscribe CONNECTION TRIGGER | --notices [CONNECTION]",
		Short: "Receive an event whenever something happens in the API",
		Long: `Subscribe starts a trigger. A polling trigger asks the API again and again; a
webhook trigger registers a callback at the API. "ferrule trigger test" shows
beforehand what its events look like, "ferrule events SUBSCRIPTION" shows those that
have happened, and "ferrule subscriptions" changes, pauses and ends it.

Any operation that answers with a list, and only reads, becomes a polling trigger
with --list:

  items    dot path of the list in the answer; left out if the answer is the list
  key      dot path of what identifies an item; left out for the whole item
  order    newest-first or oldest-first; left out where neither holds
  changed  items that have changed are events, too
  version  dot path of what changes with an item, such as its time of change
  cursor   PARAMETER:PATH, a value of the newest item that the next call is given,
           so that the API answers with newer ones only (repeatable)
  pages    pages that one poll follows at most

With --notices nothing is asked of an API: events say what happens to connections
and subscriptions themselves, such as that a connection has lost its authorization
(type ferrule.connection.needs-authorization), so that you are told before calls fail.
Name one connection, or none for everything of yours; for an administrator that is
everything in the environment.

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
  ferrule subscribe shop OnOrder --action chat/PostMessage --map '{"body": {"text": "Order ${event.data.id}"}}'
  ferrule subscribe --notices --to https://example.com/ops --when 'event.type.endsWith("needs-authorization")'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.notices {
				return atMostArgs(1)(cmd, args)
			}
			return exactArgs(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.runSubscribe(cmd, args, &f) },
	}
	cmd.Flags().StringVar(&f.id, "id", "", "id of the subscription; made from the trigger if not given")
	cmd.Flags().StringVar(&f.list, "list", "", "ask any operation for a list: "+listHelp)
	cmd.Flags().BoolVar(&f.notices, "notices", false, "be told what happens to a connection and its subscriptions, or to all of yours")
	f.is.declare(cmd)
	f.to.declare(cmd)
	return cmd
}

func (a *app) runSubscribe(cmd *cobra.Command, args []string, f *subscribeFlags) error {
	if err := readOnce(append(f.is.readers(), append(f.to.readers(), f.list)...)...); err != nil {
		return err
	}
	subscription := f.what(a, args)
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
	return a.printSubscribed(&created, subscription)
}

// what is to be subscribed to.
func (f *subscribeFlags) what(a *app, args []string) *triggerv1.Subscription {
	if !f.notices {
		return &triggerv1.Subscription{Connection: a.resource("connections", args[0]), OperationId: args[1]}
	}
	about := everyConnection
	if len(args) > 0 {
		about = args[0]
	}
	return &triggerv1.Subscription{Connection: a.resource("connections", about), Source: triggerv1.SubscriptionSource_SUBSCRIPTION_SOURCE_NOTICES}
}

// everyConnection is the id that stands for all connections (AIP-159).
const everyConnection = "-"

// triggerText says what a subscription is to, in a table: its trigger, or notices.
func triggerText(s *triggerv1.Subscription) string {
	if s.GetSource() == triggerv1.SubscriptionSource_SUBSCRIPTION_SOURCE_NOTICES {
		return "(notices)"
	}
	return s.GetOperationId()
}

// connectionText names the connection of a subscription; "(all)" where notices are
// about all.
func connectionText(s *triggerv1.Subscription) string {
	if text := id(s.GetConnection()); text != everyConnection {
		return text
	}
	return "(all)"
}

// subscribedTo is what a subscription is to, within a sentence.
func subscribedTo(s *triggerv1.Subscription) string {
	connection := id(s.GetConnection())
	switch {
	case s.GetSource() != triggerv1.SubscriptionSource_SUBSCRIPTION_SOURCE_NOTICES:
		return s.GetOperationId() + " of " + connection
	case connection == everyConnection:
		return "all notices"
	}
	return "the notices of " + connection
}

// printSubscribed says what was asked for, what came of it and what comes next.
func (a *app) printSubscribed(created, asked *triggerv1.Subscription) error {
	if a.json() {
		return a.printMessage(created)
	}
	a.printf("subscribed %s to %s (%s)\n", id(created.GetName()), subscribedTo(asked), enumWord(created.GetState(), "SUBSCRIPTION_STATE_"))
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
