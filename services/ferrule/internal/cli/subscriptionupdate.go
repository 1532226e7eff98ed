package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// subscriptionEdits are the flags of subscriptions update.
type subscriptionEdits struct {
	is                      subscriptionFlags
	to                      sinkFlags
	remove, enable, disable []string
	reset                   bool
}

func (a *app) updateSubscription() *cobra.Command {
	var f subscriptionEdits
	cmd := &cobra.Command{
		Use:   "update SUBSCRIPTION",
		Short: "Change a subscription of yours; what is not given is kept",
		Long: `Update changes what is given and keeps the rest, secrets and sinks included. --to,
--action and --sink add sinks; a --sink with the id of one that is there takes its
place. An empty text goes back to what holds by itself, as in --end ''.

The connection, the trigger and --list cannot be changed: make another subscription.`,
		Example: `  ferrule subscriptions update new-items --every 5m
  ferrule subscriptions update new-items --to https://example.com/events
  ferrule subscriptions update new-items --remove-sink s1
  ferrule subscriptions update new-items --param tag=new --reset`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.runUpdateSubscription(cmd, a.resource("subscriptions", args[0]), &f)
		},
	}
	f.is.declare(cmd)
	f.to.declare(cmd)
	flags := cmd.Flags()
	flags.StringArrayVar(&f.remove, "remove-sink", nil, "id of a sink that gets no more events (repeatable)")
	flags.StringArrayVar(&f.enable, "enable-sink", nil, "id of a sink that was disabled and gets events again (repeatable)")
	flags.StringArrayVar(&f.disable, "disable-sink", nil, "id of a sink that gets no events until it is enabled (repeatable)")
	flags.BoolVar(&f.reset, "reset", false, "take the next answer as the baseline: what is at the API by then is no event")
	return cmd
}

func (a *app) runUpdateSubscription(cmd *cobra.Command, name string, f *subscriptionEdits) error {
	if err := readOnce(append(f.is.readers(), f.to.readers()...)...); err != nil {
		return err
	}
	change := &triggerv1.Subscription{}
	fields, err := f.is.apply(cmd, a, change)
	if err != nil {
		return err
	}
	// One of the two is in force, whichever was given last.
	switch {
	case slices.Contains(fields, "interval"):
		fields = append(fields, "cron")
	case slices.Contains(fields, "cron") && change.GetCron() != "":
		fields = append(fields, "interval")
	}
	added, err := f.to.sinks(cmd, a)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	if len(added)+len(f.remove)+len(f.enable)+len(f.disable) > 0 {
		if err := f.editSinks(cmd.Context(), a, client, name, added, change); err != nil {
			return err
		}
		fields = append(fields, "sinks")
	}
	if len(fields) == 0 && !f.reset {
		return usage("nothing to change; `ferrule subscriptions update --help` lists what can be")
	}
	slices.Sort(fields)
	query := url.Values{}
	if len(fields) > 0 {
		query.Set("update_mask", strings.Join(slices.Compact(fields), ","))
	}
	if f.reset {
		query.Set("reset", "true")
	}
	var updated triggerv1.Subscription
	if err := client.Call(cmd.Context(), http.MethodPatch, rest.Path(name), query, change, &updated); err != nil {
		return err
	}
	return a.printChanged("changed", &updated)
}

// editSinks puts the sinks as they are to be into a change, with the etag of what
// was read, so that nobody else's change of them is lost.
func (f *subscriptionEdits) editSinks(ctx context.Context, a *app, client *rest.Client, name string, added []*triggerv1.Sink, change *triggerv1.Subscription) error {
	now, err := a.subscription(ctx, client, name)
	if err != nil {
		return err
	}
	change.Etag, change.Sinks = now.GetEtag(), now.GetSinks()
	find := func(id string) int {
		return slices.IndexFunc(change.GetSinks(), func(s *triggerv1.Sink) bool { return s.GetId() == id && id != "" })
	}
	for _, ids := range [][]string{f.remove, f.enable, f.disable} {
		for _, id := range ids {
			if find(id) < 0 {
				return usage("there is no sink %q; `ferrule subscriptions show` names them", id)
			}
		}
	}
	for _, id := range f.enable {
		change.Sinks[find(id)].Disabled = false
	}
	for _, id := range f.disable {
		change.Sinks[find(id)].Disabled = true
	}
	for _, sink := range added {
		if n := find(sink.GetId()); n >= 0 {
			change.Sinks[n] = sink
			continue
		}
		change.Sinks = append(change.Sinks, sink)
	}
	change.Sinks = slices.DeleteFunc(change.GetSinks(), func(s *triggerv1.Sink) bool { return slices.Contains(f.remove, s.GetId()) })
	return nil
}
