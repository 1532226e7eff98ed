package notices

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
)

// Bare is the handler to compare with: it publishes what it is sent, in an envelope
// of the size of an event, to the same stream of the same server, and answers when
// that has acknowledged it. It knows no subscription, no signature and no limits.
type Bare struct {
	js      jetstream.JetStream
	subject string
}

// envelope is a CloudEvent around data, as the trigger service writes them.
const envelope = `{"specversion":"1.0","id":"sha256-0123456789012345678901234567890123456789012","source":"environments/default/connections/things",` +
	`"type":"dev.ferrule.things.OnNotice","time":"2026-01-01T00:00:00.000000000Z","datacontenttype":"application/json",` +
	`"subscription":"environments/default/subscriptions/things","revision":"sha256-0123456789abcdef","traceparent":"00-0123456789abcdef0123456789abcdef-0123456789abcdef-00","data":%s}`

// NewBare starts a server in dir and returns a handler on it, and what ends both.
func NewBare(ctx context.Context, dir string, sync embedded.Sync) (*Bare, func(), error) {
	log := slog.New(slog.DiscardHandler)
	nats, err := embedded.Start(ctx, embedded.Options{Dir: dir, Sync: sync, Log: log})
	if err != nil {
		return nil, nil, err
	}
	closeNATS := func() { _ = nats.Close(context.WithoutCancel(ctx)) }
	b, err := bus.Connect(ctx, bus.Config{Name: "bare", InProcess: nats, Log: log})
	if err != nil {
		closeNATS()
		return nil, nil, err
	}
	end := func() { b.Close(); closeNATS() }
	if err := b.Ensure(ctx); err != nil {
		end()
		return nil, nil, err
	}
	address := bus.EventAddress{Environment: "default", Connector: "things", Operation: Operation, Subscription: "things"}
	return &Bare{js: b.JetStream(), subject: address.Subject()}, end, nil
}

// ServeHTTP implements [http.Handler].
func (b *Bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil && !json.Valid(body) {
		err = fmt.Errorf("%d bytes that are no JSON", len(body))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if _, err := b.js.Publish(r.Context(), b.subject, fmt.Appendf(nil, envelope, body)); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}
