package cli

import (
	"context"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) showSubscription() *cobra.Command {
	return &cobra.Command{
		Use:     "show SUBSCRIPTION",
		Aliases: []string{"describe"},
		Short:   "Show all that is known about a subscription, and no secrets",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			s, err := a.subscription(cmd.Context(), client, a.resource("subscriptions", args[0]))
			if err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(s)
			}
			return a.printSubscription(s)
		},
	}
}

// printSubscription prints what a subscription has, one thing in a line.
func (a *app) printSubscription(s *triggerv1.Subscription) error {
	rows := [][]string{{"subscription", id(s.GetName())}}
	for _, row := range [][]string{
		{"description", s.GetDescription()},
		{"connection", connectionText(s)},
		{"trigger", triggerText(s)},
		{"input", s.GetInput()},
		{"owner", s.GetOwner()},
		{"state", enumWord(s.GetState(), "SUBSCRIPTION_STATE_")},
		{"reason", s.GetStateReason()},
		{"failing since", moment(s.GetFailingSince())},
		{"polls", pollsText(s)},
		{"list", listText(s)},
		{"next poll", moment(s.GetNextPollTime())},
		{"last active", moment(s.GetActivityTime())},
		{"starts", moment(s.GetStartTime())},
		{"ends", moment(s.GetEndTime())},
		{"suspended after", wait(s)},
		{"signature", signatureText(s)},
		{"callback URL", s.GetCallbackUrl()},
		{"registered until", moment(s.GetRegistrationExpireTime())},
		{"created", moment(s.GetCreateTime())},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	for _, sink := range s.GetSinks() {
		rows = append(rows, []string{"sink " + sink.GetId(), sinkText(id(s.GetName()), sink)})
	}
	return writeTable(a.Out, rows)
}

// pollsText is when a subscription is polled.
func pollsText(s *triggerv1.Subscription) string {
	switch {
	case s.GetCron() != "" && s.GetTimeZone() != "":
		return "at " + s.GetCron() + " in " + s.GetTimeZone()
	case s.GetCron() != "":
		return "at " + s.GetCron() + " in UTC"
	case s.GetInterval() != nil:
		return "every " + periodText(s.GetInterval().AsDuration())
	}
	return ""
}

// listText is how the new items of a list are told from the old ones.
func listText(s *triggerv1.Subscription) string {
	rules := s.GetPolling()
	if rules == nil {
		return ""
	}
	text := "items in " + orElse(rules.GetItemsPath(), "the body") + ", told apart by " + orElse(rules.GetKeyPath(), "their whole content")
	if rules.GetReport() != 0 {
		text += ", changes reported"
	}
	return text
}

// wait is how long a subscription may fail.
func wait(s *triggerv1.Subscription) string {
	if s.GetSuspendAfter() == nil {
		return ""
	}
	return periodText(s.GetSuspendAfter().AsDuration().Round(time.Second))
}

// signatureText is what the subscription says about signatures.
func signatureText(s *triggerv1.Subscription) string {
	text := s.GetSignature().GetScheme()
	if s.GetSecretGiven() {
		text = orElse(text, "as the connector says") + ", with a secret of yours"
	}
	if s.GetUnsignedAccepted() {
		text = "none is asked for"
	}
	return text
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// switchSubscription calls a method that changes the state of a subscription.
func (a *app) switchSubscription(ctx context.Context, idOrName, method, done string, req proto.Message) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	var s triggerv1.Subscription
	path := rest.Path(a.resource("subscriptions", idOrName)) + method
	if err := client.Call(ctx, http.MethodPost, path, nil, req, &s); err != nil {
		return err
	}
	return a.printChanged(done, &s)
}

// printChanged says where a subscription stands after a change.
func (a *app) printChanged(done string, s *triggerv1.Subscription) error {
	if a.json() {
		return a.printMessage(s)
	}
	a.printf("%s %s (%s)\n", done, id(s.GetName()), enumWord(s.GetState(), "SUBSCRIPTION_STATE_"))
	if s.GetStateReason() != "" {
		a.printf("  %s\n", s.GetStateReason())
	}
	return nil
}
