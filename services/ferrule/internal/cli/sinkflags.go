package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
)

// sinkFlags say where events go. Those that say how hold for every --to and
// --action of the command line; --sink says everything about one sink.
type sinkFlags struct {
	urls, messages []string
	action, input  string
	when, orderBy  string
	retryFor       period
	concurrent     int32
	rate           float64
	binary         bool
	atMostOnce     bool
}

func (f *sinkFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.urls, "to", nil, "URL that receives each event as a signed CloudEvent (repeatable)")
	flags.StringVar(&f.action, "action", "", "action that is called for each event: CONNECTION/OPERATION")
	flags.StringVar(&f.input, "map", "", "with --action, its input as a JSON object, @FILE, or -; ${…} holds an expression on event")
	flags.StringArrayVar(&f.messages, "sink", nil, "a Sink of the API as JSON, @FILE, or - (repeatable)")
	flags.StringVar(&f.when, "when", "", "send only events for which this expression is true, such as 'event.data.total > 100'")
	flags.StringVar(&f.orderBy, "order-by", "", "keep the order of events for which this expression has the same value, such as event.subject")
	flags.BoolVar(&f.binary, "binary", false, "with --to, send the data as the body and the attributes as headers")
	flags.BoolVar(&f.atMostOnce, "at-most-once", false, "with --action, do not repeat a call whose answer was lost: it waits as a dead letter")
	flags.Var(&f.retryFor, "retry-for", "how long a delivery is tried, 1m to 30d; 3d if not given")
	flags.Int32Var(&f.concurrent, "max-concurrent", 0, "deliveries under way at the same time, at most 100; 4 if not given, and shared with your other sinks at that host if given")
	flags.Float64Var(&f.rate, "rate", 0, "attempts per second at most, shared with your other sinks at that host; no bound if not given")
}

// readers are the values that may name standard input.
func (f *sinkFlags) readers() []string { return append([]string{f.input}, f.messages...) }

// sinks returns the sinks that the flags describe.
func (f *sinkFlags) sinks(cmd *cobra.Command, a *app) ([]*triggerv1.Sink, error) {
	if err := f.check(cmd); err != nil {
		return nil, err
	}
	var sinks []*triggerv1.Sink
	for _, target := range f.urls {
		http := &triggerv1.HttpSink{Url: target}
		if f.binary {
			http.Mode = triggerv1.HttpMode_HTTP_MODE_BINARY
		}
		sinks = append(sinks, f.with(cmd, &triggerv1.Sink{Kind: &triggerv1.Sink_Http{Http: http}}))
	}
	if f.action != "" {
		action, err := f.actionSink(a)
		if err != nil {
			return nil, err
		}
		sinks = append(sinks, f.with(cmd, &triggerv1.Sink{Kind: &triggerv1.Sink_Action{Action: action}}))
	}
	for _, text := range f.messages {
		sink := &triggerv1.Sink{}
		if err := a.message("sink", text, sink); err != nil {
			return nil, err
		}
		sinks = append(sinks, sink)
	}
	return sinks, nil
}

// check refuses flags that nothing is done with.
func (f *sinkFlags) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	switch {
	case changed("map") && f.action == "":
		return usage("--map is the input of an action; name that with --action CONNECTION/OPERATION")
	case f.atMostOnce && f.action == "":
		return usage("--at-most-once is about calls of an action; name that with --action CONNECTION/OPERATION")
	case f.binary && len(f.urls) == 0:
		return usage("--binary says how events travel to a URL; name that with --to")
	}
	if len(f.urls) > 0 || f.action != "" {
		return nil
	}
	for _, name := range []string{"when", "order-by", "retry-for", "max-concurrent", "rate"} {
		if changed(name) {
			return usage("--%s is about --to and --action; give one of them, or write it into the JSON of --sink", name)
		}
	}
	return nil
}

// actionSink reads --action and --map.
func (f *sinkFlags) actionSink(a *app) (*triggerv1.ActionSink, error) {
	parts, of := strings.SplitN(f.action, "/", 2), 1
	if parts[0] == "environments" { // the connection's full name has four parts
		parts, of = strings.SplitN(f.action, "/", 5), 4
	}
	if len(parts) != of+1 || slices.Contains(parts, "") {
		return nil, usage("--action takes CONNECTION/OPERATION, not %q", f.action)
	}
	connection := strings.Join(parts[:of], "/")
	input, err := a.jsonObject("map", f.input)
	if err != nil {
		return nil, err
	}
	action := &triggerv1.ActionSink{Connection: a.resource("connections", connection), OperationId: parts[of], Input: input}
	if f.atMostOnce {
		action.UnknownOutcome = triggerv1.UnknownOutcome_UNKNOWN_OUTCOME_DEAD_LETTER
	}
	return action, nil
}

// with sets what holds for every sink.
func (f *sinkFlags) with(cmd *cobra.Command, sink *triggerv1.Sink) *triggerv1.Sink {
	sink.Condition, sink.OrderBy = f.when, f.orderBy
	sink.MaxConcurrent, sink.MaxPerSecond = f.concurrent, f.rate
	if cmd.Flags().Changed("retry-for") {
		sink.RetryFor = f.retryFor.proto()
	}
	return sink
}

// sinkText is where a sink sends events, for people.
func sinkText(subscription string, sink *triggerv1.Sink) string {
	text := "to " + sink.GetHttp().GetUrl()
	if action := sink.GetAction(); action != nil {
		text = "calls " + action.GetOperationId() + " of " + id(action.GetConnection())
	}
	if sink.GetCondition() != "" {
		text += " if " + short(sink.GetCondition(), 60)
	}
	if sink.GetDisabled() {
		text += " (disabled"
		if sink.GetDisabledReason() != "" {
			text += ": " + sink.GetDisabledReason()
		}
		text += fmt.Sprintf("; `ferrule subscriptions update %s --enable-sink %s` enables it)", subscription, sink.GetId())
	}
	return text
}
