package cli

import (
	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
)

// subscriptionFlags are what a subscription consists of, besides its sinks. Only
// flags that are given count, so that the same ones make and change it.
type subscriptionFlags struct {
	text, description       string
	params                  []string
	every, jitter, patience period
	cron, zone              string
	start, end              string
	signature, secret       string
	whole, unsigned         bool
}

// declareInput declares the flags of the trigger's input.
func (f *subscriptionFlags) declareInput(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.text, "input", "i", "", "input of the trigger as JSON, @FILE, or - for standard input")
	flags.StringArrayVarP(&f.params, "param", "p", nil, "one member of the input, name=value or name:=JSON (repeatable)")
}

// declare declares all flags.
func (f *subscriptionFlags) declare(cmd *cobra.Command) {
	f.declareInput(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.description, "description", "", "what it is for")
	flags.Var(&f.every, "every", "time between two polls, 1s to 500d; 1m if not given")
	flags.StringVar(&f.cron, "cron", "", "poll at these times instead: five fields, or six with seconds in front")
	flags.StringVar(&f.zone, "time-zone", "", "time zone of --cron, such as Europe/Berlin; UTC if not given")
	flags.Var(&f.jitter, "jitter", "spread polls at random by as much; a tenth of the interval if not given")
	flags.StringVar(&f.start, "start", "", "ask nothing before: RFC 3339, or how far ahead, such as 2h")
	flags.StringVar(&f.end, "end", "", "end it at: RFC 3339, or how far ahead, such as 30d")
	flags.BoolVar(&f.whole, "whole", false, "make one event of a whole batch instead of one of each item")
	flags.Var(&f.patience, "suspend-after", "suspend it after so long without a success, 5m to 500d; 3d if not given")
	flags.StringVar(&f.signature, "signature", "", "how the API signs: the name of a preset such as github, or a WebhookSignature as JSON or @FILE")
	flags.StringVar(&f.secret, "secret", "", "secret that the API signs with: - to be asked or for standard input, @FILE, or the value")
	flags.BoolVar(&f.unsigned, "unsigned", false, "accept notifications that nobody signed")
}

// readers are the values that may name standard input.
func (f *subscriptionFlags) readers() []string { return []string{f.text, f.signature, f.secret} }

// apply sets in a subscription what is given, and returns the fields that it has
// set.
func (f *subscriptionFlags) apply(cmd *cobra.Command, a *app, s *triggerv1.Subscription) (fields []string, err error) {
	changed := cmd.Flags().Changed
	if changed("every") && changed("cron") && f.cron != "" {
		return nil, usage("--every and --cron exclude each other")
	}
	for _, field := range []struct {
		flag, name string
		set        func() error
	}{
		{"description", "description", func() error { s.Description = f.description; return nil }},
		{"every", "interval", func() error { s.Interval = f.every.proto(); return nil }},
		{"cron", "cron", func() error { s.Cron = f.cron; return nil }},
		{"time-zone", "time_zone", func() error { s.TimeZone = f.zone; return nil }},
		{"jitter", "jitter", func() error { s.Jitter = f.jitter.proto(); return nil }},
		{"start", "start_time", func() error { s.StartTime, err = a.timeToCome("start", f.start); return err }},
		{"end", "end_time", func() error { s.EndTime, err = a.timeToCome("end", f.end); return err }},
		{"whole", "split", func() error { s.Split = split(f.whole); return nil }},
		{"suspend-after", "suspend_after", func() error { s.SuspendAfter = f.patience.proto(); return nil }},
		{"signature", "signature", func() error { return f.setSignature(a, s) }},
		{"secret", "secret", func() error { return f.setSecret(a, s) }},
		{"unsigned", "unsigned_accepted", func() error { s.UnsignedAccepted = f.unsigned; return nil }},
	} {
		if !changed(field.flag) {
			continue
		}
		if err := field.set(); err != nil {
			return nil, err
		}
		fields = append(fields, field.name)
	}
	if changed("input") || changed("param") {
		input, err := a.input(f.text, f.params)
		if err != nil {
			return nil, err
		}
		s.Input = string(input)
		fields = append(fields, "input")
	}
	return fields, nil
}

// setSignature reads --signature; an empty one goes back to what the connector
// says.
func (f *subscriptionFlags) setSignature(a *app, s *triggerv1.Subscription) (err error) {
	if f.signature == "" {
		s.Signature = nil
		return nil
	}
	s.Signature, err = a.signature(f.signature)
	return err
}

func (f *subscriptionFlags) setSecret(a *app, s *triggerv1.Subscription) error {
	values, err := a.secrets([]string{"secret=" + f.secret})
	s.Secret = values["secret"]
	return err
}

func split(whole bool) triggerv1.Split {
	if whole {
		return triggerv1.Split_SPLIT_WHOLE
	}
	return triggerv1.Split_SPLIT_UNSPECIFIED
}
