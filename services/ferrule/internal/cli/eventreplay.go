package cli

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// replayFlags are the flags of events replay.
type replayFlags struct {
	from, to, event string
	sinks           []string
	most            int32
}

func (a *app) replayEvents() *cobra.Command {
	var f replayFlags
	cmd := &cobra.Command{
		Use:   "replay SUBSCRIPTION",
		Short: "Send events to the sinks again",
		Long: `Replay sends events that are still kept to the sinks of their subscription again,
oldest first, beginning with a time (--from) or an event (--event). They have the same
ids as before, by which a receiver tells what it has already.

"ferrule deliveries redeliver" sends only what a sink did not accept.`,
		Example: `  ferrule events replay new-items --from 24h
  ferrule events replay new-items --from 2026-05-01T00:00:00Z --to 2026-05-02T00:00:00Z --sink s1
  ferrule events replay new-items --event 6f1c`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := f.request(a)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			var res triggerv1.ReplayEventsResponse
			path := rest.Path(a.resource("subscriptions", args[0]), "events") + ":replay"
			if err := client.Call(cmd.Context(), http.MethodPost, path, nil, req, &res); err != nil {
				return err
			}
			return a.printReplayed(args[0], &res)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.from, "from", "", "begin with events of this time: RFC 3339, or how long ago, such as 24h")
	flags.StringVar(&f.event, "event", "", "begin with the event that has this id")
	flags.StringVar(&f.to, "to", "", "only events before this time: RFC 3339, or how long ago; until now if not given")
	flags.StringArrayVar(&f.sinks, "sink", nil, "id of a sink (repeatable); all if not given")
	flags.Int32Var(&f.most, "max", 0, "events at most, up to 1000000; 10000 if not given")
	return cmd
}

func (f *replayFlags) request(a *app) (*triggerv1.ReplayEventsRequest, error) {
	if (f.from == "") == (f.event == "") {
		return nil, usage("say where to begin, with either --from or --event")
	}
	req := &triggerv1.ReplayEventsRequest{Sinks: f.sinks, MaxEvents: f.most}
	from, err := a.timestampAgo("from", f.from)
	if err != nil {
		return nil, err
	}
	if req.EndTime, err = a.timestampAgo("to", f.to); err != nil {
		return nil, err
	}
	if f.event != "" {
		req.Start = &triggerv1.ReplayEventsRequest_EventId{EventId: f.event}
	} else {
		req.Start = &triggerv1.ReplayEventsRequest_StartTime{StartTime: from}
	}
	return req, nil
}

// timestampAgo is pastTime for messages.
func (a *app) timestampAgo(flag, text string) (*timestamppb.Timestamp, error) {
	text, err := pastTime(flag, text, a.clock.Now())
	if err != nil || text == "" {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	return timestamppb.New(t), err
}

func (a *app) printReplayed(subscription string, res *triggerv1.ReplayEventsResponse) error {
	if a.json() {
		return a.printMessage(res)
	}
	a.printf("%s will be sent again\n", plural(res.GetEvents(), "event"))
	if next := res.GetNextEventId(); next != "" {
		a.printf("  there are more: ferrule events replay %s --event %s\n", subscription, next)
	}
	return nil
}
