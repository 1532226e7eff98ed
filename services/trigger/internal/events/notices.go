package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// noticeWait is how long a notice stays with a process that has died.
	noticeWait = 30 * time.Second
	// noticeTime bounds the passing on of one notice; less than noticeWait, so that no
	// second process begins meanwhile.
	noticeTime = 20 * time.Second
	// noticePause separates attempts to pass a notice on, and to read on after a
	// disturbance.
	noticePause = time.Second
	// noticeDrain bounds the wait for the bus to stop giving notices to a process that
	// stops.
	noticeDrain = 500 * time.Millisecond
	// noticesAsked is how many notices are asked for with one request.
	noticesAsked = 64
	// connectionNotice begins the type of every notice about a connection.
	connectionNotice = "ferrule.connection."
)

// Notices reads what the bus has about connections and subscriptions themselves. All
// processes of an installation share the work, one notice after the other. A notice
// comes again until it was taken. Those of an owner about whom there are more than a few
// in a minute are dropped, so that nobody else's wait for them.
type Notices struct {
	js     jetstream.JetStream
	clock  clock.Clock
	log    *slog.Logger
	take   func(context.Context, core.Notice) error
	budget *budget
}

// NewNotices returns a reader that starts with Run and gives take each notice, at least
// once. After an error it gives the notice again before the next one. Of one owner it
// gives at most 60, and one more each second.
func NewNotices(js jetstream.JetStream, clk clock.Clock, log *slog.Logger, take func(context.Context, core.Notice) error) *Notices {
	return &Notices{js: js, clock: clk, log: log, take: take, budget: newBudget(clk)}
}

// Run reads notices until ctx ends.
func (n *Notices) Run(ctx context.Context) error {
	for {
		err := n.read(ctx)
		if ctx.Err() == nil {
			n.log.WarnContext(ctx, "the reading of notices was disturbed and will go on", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-n.clock.After(noticePause):
		}
	}
}

// read takes notices until something fails.
func (n *Notices) read(ctx context.Context) error {
	consumer, err := n.js.CreateOrUpdateConsumer(ctx, bus.StreamEvents, bus.NoticesConsumer(noticeWait))
	if err != nil {
		return err
	}
	// They come one at a time all the same, and a request for each of them may get lost.
	messages, err := consumer.Messages(jetstream.PullMaxMessages(noticesAsked))
	if err != nil {
		return err
	}
	defer n.giveBack(messages)
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return err
		}
		if err := n.pass(ctx, m); err != nil {
			if ctx.Err() == nil {
				n.log.WarnContext(ctx, "a notice could not be passed on and will be tried again", "subject", m.Subject(), "error", err)
			}
			n.settled(m, m.NakWithDelay(noticePause))
			continue
		}
		n.settled(m, m.Ack())
	}
}

// pass has one notice taken. One that cannot be read is nobody's: it is skipped, and so
// is one too many of its owner.
func (n *Notices) pass(ctx context.Context, m jetstream.Msg) error {
	notice, err := parseNotice(m.Data())
	if err != nil {
		n.log.WarnContext(ctx, "what was published as a notice is none and was skipped", "subject", m.Subject(), "error", err)
		return nil
	}
	ok, tell := n.budget.take(notice.Owner)
	if tell {
		n.log.WarnContext(ctx, "there are more notices about what an owner has than are passed on, and some are dropped",
			"owner", notice.Owner, "subject", m.Subject(), "most_in_a_minute", budgetMost)
	}
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(bus.TraceContext(ctx, m.Headers()), noticeTime)
	defer cancel()
	err = n.take(ctx, notice)
	if err != nil {
		n.budget.giveBack(notice.Owner)
	}
	return err
}

// giveBack ends the reading. A notice that was not begun is for another process at once.
func (n *Notices) giveBack(messages jetstream.MessagesContext) {
	messages.Drain()
	for {
		m, err := messages.Next(jetstream.NextMaxWait(noticeDrain))
		if err != nil {
			return
		}
		n.settled(m, m.Nak())
	}
}

// settled notes that the bus was not told how a notice ended: it comes again.
func (n *Notices) settled(m jetstream.Msg, err error) {
	if err != nil {
		n.log.Debug("a notice was not settled and will come again", "subject", m.Subject(), "error", err)
	}
}

// noticeData is what counts here of the data of a notice.
type noticeData struct {
	Connection      string `json:"connection"`
	ConnectionOwner string `json:"connection_owner"`
	Owner           string `json:"owner"`
}

// parseNotice reads a notice from its CloudEvent.
func parseNotice(data []byte) (core.Notice, error) {
	var v envelope
	if err := json.Unmarshal(data, &v); err != nil {
		return core.Notice{}, fmt.Errorf("read notice: %w", err)
	}
	var about noticeData
	if err := json.Unmarshal(v.Data, &about); err != nil {
		return core.Notice{}, fmt.Errorf("read the data of notice %s: %w", v.ID, err)
	}
	connection, err := resource.ParseConnection(about.Connection)
	if err != nil {
		return core.Notice{}, fmt.Errorf("read the connection of notice %s: %w", v.ID, err)
	}
	if v.ID == "" || v.Type == "" || v.Source == "" || about.Owner == "" {
		return core.Notice{}, errors.New("read notice: its id, type, source or owner is missing")
	}
	if strings.HasPrefix(v.Type, connectionNotice) {
		about.ConnectionOwner = about.Owner
	}
	return core.Notice{
		ID: v.ID, Type: v.Type, Source: v.Source, Time: v.Time, Data: v.Data, Connection: connection,
		ConnectionOwner: about.ConnectionOwner, Owner: about.Owner,
	}, nil
}
