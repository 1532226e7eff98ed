package bus

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// NoticesConsumer returns the configuration of the consumer that makes events of
// notices for those who subscribed to them. ackWait is how long a notice may go without
// a sign of life before another process gets it.
func NoticesConsumer(ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:        ConsumerNotices,
		Description:    "Makes events of what happens to connections and subscriptions.",
		FilterSubjects: []string{"ferrule.connection.>", "ferrule.subscription.>"},
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxDeliver:     -1, // never given up
		// One after the other, whichever process has it: that keeps their order.
		MaxAckPending: 1,
	}
}

// ConnectionSubject returns where events about a connection itself are published,
// such as that somebody has to sign in again. They are CloudEvents, from which the
// trigger service makes events of those subscriptions that want them.
func ConnectionSubject(environment, connector, connection string) string {
	return join("ferrule.connection", environment, connector, connection)
}

// SubscriptionSubject returns where events about a subscription itself are published,
// such as that it is suspended. They are CloudEvents as in [ConnectionSubject];
// {subscription} is the id in its name.
func SubscriptionSubject(environment, connector, subscription string) string {
	return join("ferrule.subscription", environment, connector, subscription)
}
