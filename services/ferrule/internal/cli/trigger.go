package cli

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) trigger() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "trigger",
		Aliases: []string{"triggers"},
		Short:   "Try a trigger out",
		Args:    exactArgs(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.testTrigger())
	return cmd
}

// testFlags are the flags of trigger test.
type testFlags struct {
	is    subscriptionFlags
	list  string
	whole bool
	most  int32
}

func (a *app) testTrigger() *cobra.Command {
	var f testFlags
	cmd := &cobra.Command{
		Use:   "test CONNECTION TRIGGER | SUBSCRIPTION",
		Short: "Show what the events of a trigger look like, without subscribing",
		Long: `Test shows sample events: the latest items of the API, the latest event of the
subscription, or, where neither is to be had, one made of the connector's examples and
schemas. Nothing is registered, and no subscription misses or repeats anything for it.`,
		Example: `  ferrule trigger test shop OnItemListed
  ferrule trigger test shop ListItems --list items=data.items,key=id --max 5
  ferrule trigger test new-items`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 && len(args) != 2 {
				return usage("test takes a connection and a trigger, or a subscription: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			req, err := f.request(cmd, a, args)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			var res triggerv1.TestTriggerResponse
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(a.parent(), "subscriptions")+":test", nil, req, &res); err != nil {
				return err
			}
			return a.printSample(&res)
		},
	}
	f.is.declareInput(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.list, "list", "", "ask any operation for a list: "+listHelp)
	flags.BoolVar(&f.whole, "whole", false, "make one event of a whole batch instead of one of each item")
	flags.Int32Var(&f.most, "max", 1, "events at most, up to 100")
	return cmd
}

func (f *testFlags) request(cmd *cobra.Command, a *app, args []string) (*triggerv1.TestTriggerRequest, error) {
	req := &triggerv1.TestTriggerRequest{Subscription: &triggerv1.Subscription{}, MaxEvents: f.most}
	if len(args) == 1 {
		for _, name := range []string{"input", "param", "list", "whole"} {
			if cmd.Flags().Changed(name) {
				return nil, usage("a subscription is tested as it is; --%s goes with CONNECTION TRIGGER", name)
			}
		}
		req.Subscription.Name = a.resource("subscriptions", args[0])
		return req, nil
	}
	req.Subscription.Connection, req.Subscription.OperationId = a.resource("connections", args[0]), args[1]
	req.Subscription.Split = split(f.whole)
	input, err := a.input(f.is.text, f.is.params)
	if err != nil {
		return nil, err
	}
	req.Subscription.Input = string(input)
	if cmd.Flags().Changed("list") {
		req.Subscription.Polling, err = a.list(f.list)
	}
	return req, err
}

// printSample prints the data of each event, and where it comes from.
func (a *app) printSample(res *triggerv1.TestTriggerResponse) error {
	if a.json() {
		return a.printMessage(res)
	}
	for _, event := range res.GetEvents() {
		var pretty bytes.Buffer
		if json.Indent(&pretty, []byte(event.GetData()), "", "  ") != nil {
			pretty.Reset()
			pretty.WriteString(event.GetData())
		}
		a.printf("%s\n", pretty.String())
	}
	events := plural(len(res.GetEvents()), "event")
	switch {
	case len(res.GetEvents()) == 0:
		a.progress("there is nothing to show yet: the API has no item, and the connector no example")
	case res.GetSource() == triggerv1.SampleSource_SAMPLE_SOURCE_API:
		a.progress("%s, made of what the API has now", events)
	case res.GetSource() == triggerv1.SampleSource_SAMPLE_SOURCE_EVENT:
		a.progress("%s that happened", events)
	case res.GetSource() == triggerv1.SampleSource_SAMPLE_SOURCE_DESCRIPTION:
		a.progress("%s, made up from the connector's examples and schemas", events)
	}
	return nil
}
