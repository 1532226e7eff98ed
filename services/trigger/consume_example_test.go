package trigger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

// cloudEvent is what a consumer needs of an event. Where the data is no JSON it is in
// Bytes.
type cloudEvent struct {
	ID           string          `json:"id"`
	Source       string          `json:"source"`
	Type         string          `json:"type"`
	Time         time.Time       `json:"time"`
	Subscription string          `json:"subscription"`
	Data         json.RawMessage `json:"data"`
	Bytes        []byte          `json:"data_base64"`
}

// A service of the installation reads the events of a connector from the message bus
// itself, with a durable consumer: the bus remembers what the service has
// acknowledged, whether it runs or not. Any number of processes may use the consumer
// of one name, and share its events.
func Example_consumeEvents() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b, stop, err := startBus(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	consumer, err := b.JetStream().CreateOrUpdateConsumer(ctx, bus.StreamEvents, jetstream.ConsumerConfig{
		Durable:       "billing", // the name under which the bus remembers
		FilterSubject: bus.EventAddress{Environment: "prod", Connector: "crm"}.Filter(),
		AckPolicy:     jetstream.AckExplicitPolicy, // each event, after its work is done
		AckWait:       30 * time.Second,            // then another process gets it
		MaxAckPending: 256,
	})
	if err != nil {
		log.Fatal(err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		log.Fatal(err)
	}
	defer messages.Stop()
	for done := map[string]bool{}; len(done) < 2; {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			log.Fatal(err)
		}
		var e cloudEvent
		if err := json.Unmarshal(m.Data(), &e); err != nil {
			_ = m.Term() // it would never be understood
			continue
		}
		if !done[e.ID] { // an event can arrive twice, with the same id
			fmt.Println(e.Type, e.Subscription, string(e.Data))
			done[e.ID] = true
		}
		if err := m.DoubleAck(ctx); err != nil { // returns when the bus has noted it
			log.Fatal(err)
		}
	}
	// Output:
	// dev.ferrule.crm.OnContact environments/prod/subscriptions/contacts {"name":"Ann"}
	// dev.ferrule.crm.OnContact environments/prod/subscriptions/contacts {"name":"Bob"}
}

// startBus starts a bus in this process, with events on it. A service connects to the
// installation's with bus.Connect and its URL instead.
func startBus(ctx context.Context) (*bus.Bus, func(), error) {
	dir, err := os.MkdirTemp("", "events")
	if err != nil {
		return nil, nil, err
	}
	quiet := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: quiet})
	if err != nil {
		return nil, nil, err
	}
	b, err := bus.Connect(ctx, bus.Config{Name: "billing", InProcess: server, Log: quiet})
	if err != nil {
		return nil, nil, err
	}
	if err := b.Ensure(ctx); err != nil {
		return nil, nil, err
	}
	for _, e := range []struct{ id, connector, name string }{{"1", "crm", "Ann"}, {"2", "shop", "not for us"}, {"3", "crm", "Bob"}} {
		err := b.Publish(ctx, outbox.Message{
			ID:      e.id,
			Subject: bus.EventAddress{Environment: "prod", Connector: e.connector, Operation: "OnContact", Subscription: "contacts"}.Subject(),
			Data: fmt.Appendf(nil, `{"specversion":"1.0","id":%q,"source":"environments/prod/connections/main","type":"dev.ferrule.%s.OnContact",`+
				`"time":"2026-03-01T12:00:00Z","subscription":"environments/prod/subscriptions/contacts","data":{"name":%q}}`, e.id, e.connector, e.name),
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return b, func() {
		b.Close()
		_ = server.Close(ctx)
		_ = os.RemoveAll(dir)
	}, nil
}
