package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// deliveryFlags are the flags of deliveries.
type deliveryFlags struct {
	state, sink string
	attempts    bool
	limit       int
}

func (a *app) deliveries() *cobra.Command {
	var f deliveryFlags
	cmd := &cobra.Command{
		Use:   "deliveries SUBSCRIPTION",
		Short: "See how events reached the sinks, and try what failed again",
		Long: `Deliveries lists events on their way to the sinks of a subscription, those tried last
first. A delivery is

  pending    it waits for its next attempt
  delivered  the sink accepted it
  dead       it failed for good: "ferrule deliveries redeliver" tries it again

Attempts are remembered for 7 days, the latest 1,000 of a subscription, and dead
deliveries for 30 days.`,
		Example: `  ferrule deliveries new-items
  ferrule deliveries new-items --state dead --attempts
  ferrule deliveries redeliver new-items`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			state, err := deliveryState(f.state)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			return a.listDeliveries(cmd.Context(), client, a.resource("subscriptions", args[0]), state, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.state, "state", "", "only those that are pending, delivered or dead")
	flags.StringVar(&f.sink, "sink", "", "only those to the sink with this id")
	flags.BoolVar(&f.attempts, "attempts", false, "show each attempt, with the whole of its reason")
	flags.IntVar(&f.limit, "limit", 0, "how many are listed; 0 means all")
	cmd.AddCommand(a.redeliver())
	return cmd
}

// deliveryState reads --state.
func deliveryState(word string) (triggerv1.DeliveryState, error) {
	if word == "" {
		return triggerv1.DeliveryState_DELIVERY_STATE_UNSPECIFIED, nil
	}
	state := triggerv1.DeliveryState_value["DELIVERY_STATE_"+strings.ToUpper(word)]
	if state == 0 {
		return 0, usage("--state is pending, delivered or dead, not %q", word)
	}
	return triggerv1.DeliveryState(state), nil
}

func (a *app) listDeliveries(ctx context.Context, client *rest.Client, name string, state triggerv1.DeliveryState, f deliveryFlags) error {
	out := a.listing("DELIVERY", "SINK", "STATE", "ATTEMPTS", "LAST", "NEXT", "WHY")
	left := f.limit
	err := everyPage(func(token string) (string, error) {
		query := url.Values{"page_token": {token}, "page_size": {"1000"}}
		if state != 0 {
			query.Set("state", state.String())
		}
		if f.sink != "" {
			query.Set("sink", f.sink)
		}
		var res triggerv1.ListDeliveriesResponse
		if err := client.Call(ctx, http.MethodGet, rest.Path(name, "deliveries"), query, nil, &res); err != nil {
			return "", err
		}
		for _, d := range res.GetDeliveries() {
			if err := addDelivery(out, d, f.attempts); err != nil {
				return "", err
			}
			if left--; left == 0 {
				return "", nil
			}
		}
		return res.GetNextPageToken(), nil
	})
	if err != nil {
		return err
	}
	if state != 0 || f.sink != "" {
		return out.end(fmt.Sprintf("there are no such deliveries; `ferrule deliveries %s` lists all", id(name)))
	}
	return out.end(fmt.Sprintf("nothing was sent to a sink; `ferrule subscriptions show %s` names the sinks", id(name)))
}

// addDelivery adds a row for a delivery, and one for each attempt if wanted.
func addDelivery(out *listing, d *triggerv1.Delivery, attempts bool) error {
	tries := d.GetAttempts()
	count, last, why := 0, "", d.GetReason()
	if len(tries) > 0 {
		latest := tries[len(tries)-1]
		count, last = max(len(tries), int(latest.GetNumber())), moment(latest.GetTime())
		if why == "" {
			why = attemptText(latest)
		}
	}
	row := []string{
		id(d.GetName()), d.GetSink(), enumWord(d.GetState(), "DELIVERY_STATE_"), strconv.Itoa(count),
		last, moment(d.GetNextAttemptTime()), short(why, 80),
	}
	if err := out.add(d, row); err != nil || !attempts || out.app.json() {
		return err
	}
	for _, try := range tries {
		took := try.GetDuration().AsDuration().Round(time.Millisecond)
		text := fmt.Sprintf("%s (%s)", strings.Join(strings.Fields(attemptText(try)), " "), took)
		out.rows = append(out.rows, []string{"", "", "", "#" + strconv.Itoa(int(try.GetNumber())), moment(try.GetTime()), "", text})
	}
	return nil
}

// attemptText is how an attempt ended.
func attemptText(try *triggerv1.DeliveryAttempt) string {
	switch status := try.GetStatusCode(); {
	case try.GetReason() != "":
		return try.GetReason()
	case status != 0:
		return strconv.Itoa(int(status)) + " " + http.StatusText(int(status))
	}
	return "accepted"
}

func (a *app) redeliver() *cobra.Command {
	var sink string
	cmd := &cobra.Command{
		Use:   "redeliver SUBSCRIPTION [DELIVERY...]",
		Short: "Try deliveries again: those named, or all that failed for good",
		Long: `Redeliver tries deliveries again, as if they were new. Without names those are all that
are dead. An event has the same id as before.`,
		Example: `  ferrule deliveries redeliver new-items
  ferrule deliveries redeliver new-items --sink s1
  ferrule deliveries redeliver new-items 6f1c.s1`,
		Args: minArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name := a.resource("subscriptions", args[0])
			req := &triggerv1.RedeliverEventsRequest{Sink: sink}
			for _, delivery := range args[1:] {
				if !strings.Contains(delivery, "/") {
					delivery = name + "/deliveries/" + delivery
				}
				req.Names = append(req.Names, delivery)
			}
			var res triggerv1.RedeliverEventsResponse
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(name, "deliveries")+":redeliver", nil, req, &res); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&res)
			}
			a.printRedelivered(id(name), len(req.GetNames()) > 0, res.GetDeliveries())
			return nil
		},
	}
	cmd.Flags().StringVar(&sink, "sink", "", "only to the sink with this id")
	return cmd
}

// printRedelivered says how many deliveries of a subscription will be tried again.
func (a *app) printRedelivered(subscription string, named bool, n int32) {
	switch {
	case n == 0 && !named:
		a.progress("no delivery of %s is dead; `ferrule deliveries %s` lists all", subscription, subscription)
	case n == 0:
		a.progress("none of those deliveries of %s is dead; `ferrule deliveries %s` lists all", subscription, subscription)
	case n == 1:
		a.printf("1 delivery of %s will be tried again\n", subscription)
	default:
		a.printf("%d deliveries of %s will be tried again\n", n, subscription)
	}
}
