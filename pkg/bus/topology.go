package bus

import (
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// This file declares everything that exists on the bus: every stream, every
// durable consumer, every subject, every key-value bucket. What is not here does
// not exist. The addresses of deliveries are in delivery.go, those of what happens to
// connections and subscriptions themselves in notices.go.
//
//	ferrule.change.{kind}.{environment}.{id}                              FERRULE_CHANGES
//	ferrule.event.{environment}.{connector}.{operation}.{subscription}    FERRULE_EVENTS
//	ferrule.connection.{environment}.{connector}.{connection}             FERRULE_EVENTS
//	ferrule.subscription.{environment}.{connector}.{subscription}         FERRULE_EVENTS
//	ferrule.poll.sched.{id}     when to poll next                         FERRULE_POLLS
//	ferrule.poll.fire.{id}      it is time to poll                        FERRULE_POLLS
//	ferrule.delivery.{environment}.{subscription}.{sink}                  FERRULE_DELIVERIES
//	ferrule.sinkwork.{environment}.{subscription}.{sink}                  FERRULE_SINK_WORK
//	ferrule.deadletter.{environment}.{subscription}.{sink}                FERRULE_DEAD_LETTERS
//	ferrule.attempt.{environment}.{subscription}                          FERRULE_ATTEMPTS
//	ferrule.usage.{environment}.{hour}.{connector}.{connection}.{process} FERRULE_USAGE
//	ferrule.requestlog.{environment}.{connection}                         FERRULE_REQUEST_LOG
//
// Every {…} is one token, encoded by [Token]. On the way to a sink {subscription} is
// its unique id, elsewhere the id in its name.

// The streams.
const (
	// StreamChanges announces what changed under a caller, for caches. Losing
	// one delays, never breaks: caches also expire by time.
	StreamChanges = "FERRULE_CHANGES"
	// StreamEvents is the log of events, readable again and again until they
	// are too old or too many.
	StreamEvents = "FERRULE_EVENTS"
	// StreamPolls holds, for each polling subscription, when it is due next,
	// and the queue of those that are due now.
	StreamPolls = "FERRULE_POLLS"
	// StreamDeliveries holds the events on their way to sinks, each sink's on a
	// subject of its own and in their order, until they are accepted or dead.
	StreamDeliveries = "FERRULE_DELIVERIES"
	// StreamSinkWork says which sinks there is something to do for: one message for
	// each, whatever the number of its deliveries.
	StreamSinkWork = "FERRULE_SINK_WORK"
	// StreamAttempts keeps what attempts to deliver led to, for people.
	StreamAttempts = "FERRULE_ATTEMPTS"
	// StreamDeadLetters keeps deliveries that failed for good, until they are
	// replayed or too old.
	StreamDeadLetters = "FERRULE_DEAD_LETTERS"
	// StreamUsage counts calls: the last message of a subject has the totals of one
	// process for one connection in one hour.
	StreamUsage = "FERRULE_USAGE"
	// StreamRequestLog keeps requests of connections whose owners asked for it.
	StreamRequestLog = "FERRULE_REQUEST_LOG"
)

// The key-value buckets. A key is made of [Token]s with dots between them.
const (
	// BucketRateBudgets holds how much of each rate limit the processes of an
	// installation have taken, "{scope}.{environment}.{id}".
	BucketRateBudgets = "FERRULE_RATE_BUDGETS"
	// BucketIdempotency holds what became of calls with an idempotency key.
	BucketIdempotency = "FERRULE_IDEMPOTENCY"
	// BucketScriptState holds what custom code keeps, by environment and connector.
	BucketScriptState = "FERRULE_SCRIPT_STATE"
	// BucketRequestLogs says whose requests are kept, and until when,
	// "{environment}.{connection}".
	BucketRequestLogs = "FERRULE_REQUEST_LOGS"
	// BucketSinks holds which process delivers to a sink, how far it has come and
	// what waits for its next attempt, "{environment}.{subscription}.{sink}".
	BucketSinks = "FERRULE_SINKS"
)

// ConsumerPolls is the durable consumer that all pollers of an installation
// share: that is what makes one schedule fire on one of them only. A work queue
// refuses a second consumer with the same filter.
const ConsumerPolls = "pollers"

// The durable consumers on the way from an event to its sinks, which all processes
// of an installation share.
const (
	// ConsumerSinks reads the log of events and queues deliveries.
	ConsumerSinks = "sinks"
	// ConsumerSinkWork takes sinks for which there is something to do.
	ConsumerSinkWork = "sink-workers"
	// ConsumerNotices makes events of what happens to connections and subscriptions.
	ConsumerNotices = "notices"
)

// Ages and windows that are part of the promises of the bus.
const (
	// ChangesMaxAge is how long an announcement is kept. Watchers start from
	// now, so an hour only serves people who look.
	ChangesMaxAge = time.Hour
	// DedupWindow is how long a message id is remembered per stream. It has to
	// be longer than any retry of an outbox whose acknowledgement was lost.
	DedupWindow = 10 * time.Minute
	// DeadLettersMaxAge is how long a failed delivery can be replayed.
	DeadLettersMaxAge = 30 * 24 * time.Hour
	// AttemptsMaxAge is how long an attempt to deliver can be looked at, and
	// AttemptsPerSubscription how many of a subscription.
	AttemptsMaxAge          = 7 * 24 * time.Hour
	AttemptsPerSubscription = 1000
	// UsageMaxAge is how long calls are counted back.
	UsageMaxAge = 90 * 24 * time.Hour
	// RequestLogMaxAge is how long a logged request is kept.
	RequestLogMaxAge = 7 * 24 * time.Hour
	// RequestLogPerConnection is how many logged requests of a connection are kept.
	RequestLogPerConnection = 1000
	// IdempotencyMaxAge is how long an idempotency key is known.
	IdempotencyMaxAge = 24 * time.Hour
)

// Topology is what an operator may choose about the streams. Every process of an
// installation has to be given the same, since each ensures it at its start.
type Topology struct {
	// Replicas is the number of servers that hold each stream: 1 on a single
	// server, 3 on a cluster. 0 means 1.
	Replicas int
	// EventsMaxAge is how long an event can be read again. 0 means 7 days.
	EventsMaxAge time.Duration
	// EventsMaxBytes bounds the event log; past it the oldest events go first,
	// delivered or not. 0 means 8 GiB.
	EventsMaxBytes int64
	// DeliveriesMaxBytes bounds the queue of deliveries; past it new ones are
	// refused and stay with their sender, so that nothing acknowledged is lost.
	// 0 means 4 GiB.
	DeliveriesMaxBytes int64
	// DeadLettersMaxBytes bounds the failed deliveries; past it the oldest go
	// first. 0 means 1.75 GiB.
	DeadLettersMaxBytes int64
}

// withDefaults fills in what was left zero.
func (t Topology) withDefaults() Topology {
	orElse := func(v *int64, d int64) {
		if *v == 0 {
			*v = d
		}
	}
	t.Replicas = max(t.Replicas, 1)
	if t.EventsMaxAge == 0 {
		t.EventsMaxAge = 7 * 24 * time.Hour
	}
	orElse(&t.EventsMaxBytes, 8<<30)
	orElse(&t.DeliveriesMaxBytes, 4<<30)
	orElse(&t.DeadLettersMaxBytes, 7<<28)
	return t
}

// Streams returns the configuration of every stream.
//
// None of them mirrors or sources another, and none may: a work queue that was
// sourced on a cluster has lost scheduled messages (nats-server issue 8423).
func (t Topology) Streams() []jetstream.StreamConfig {
	t = t.withDefaults()
	streams := []jetstream.StreamConfig{
		changesStream(), t.eventsStream(), pollsStream(), t.deliveriesStream(), sinkWorkStream(), t.deadLettersStream(),
		t.attemptsStream(), usageStream(), requestLogStream(),
	}
	for i := range streams {
		streams[i].Replicas = t.Replicas
		// On disk even where memory would do: a stream in memory starts again at
		// sequence 1 after a restart, which readers cannot tell from silence.
		streams[i].Storage = jetstream.FileStorage
		streams[i].Duplicates = DedupWindow
	}
	return streams
}

func changesStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        StreamChanges,
		Description: "What changed: connectors, connections, grants. For caches.",
		Subjects:    []string{"ferrule.change.>"},
		Retention:   jetstream.LimitsPolicy,
		MaxAge:      ChangesMaxAge,
		MaxBytes:    256 << 20,
		Discard:     jetstream.DiscardOld,
	}
}

func (t Topology) eventsStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        StreamEvents,
		Description: "Events that subscriptions produced, and what owners of connections and subscriptions have to know.",
		Subjects:    []string{"ferrule.event.>", "ferrule.connection.>", "ferrule.subscription.>"},
		Retention:   jetstream.LimitsPolicy,
		MaxAge:      t.EventsMaxAge,
		MaxBytes:    t.EventsMaxBytes,
		Discard:     jetstream.DiscardOld,
		AllowDirect: true, // single events are read from any replica
		// For those that are published together, see Config.Together.
		AllowAtomicPublish: true,
	}
}

// pollsStream is the scheduler. Each line that is there, and each that is not,
// avoids a trap that the server does not report:
//   - Retention is WorkQueue. With Interest retention a schedule is acknowledged
//     and not stored, because nobody consumes the subject of definitions.
//   - No MaxAge: it would delete the definitions, and polling would fall silent.
//   - No MaxBytes, MaxMsgs or MaxMsgsPerSubject, with DiscardOld: a limit would
//     delete the oldest definition without a word. DiscardNew is refused with
//     schedules by today's server, and stopped them in older ones (issue 8240).
//   - No sources and no mirrors, see [Topology.Streams].
//   - AllowRollup and AllowMsgTTL are what schedules and their purge build on;
//     AllowMsgSchedules can never be switched off again.
func pollsStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              StreamPolls,
		Description:       "When each polling subscription is due, and those that are due now.",
		Subjects:          []string{"ferrule.poll.sched.>", "ferrule.poll.fire.>"},
		Retention:         jetstream.WorkQueuePolicy,
		Discard:           jetstream.DiscardOld,
		AllowMsgSchedules: true,
		AllowMsgTTL:       true,
		AllowRollup:       true,
		AllowDirect:       true,
	}
}

// deliveriesStream has no consumer: what waits in it costs nothing but its place,
// however much that is. Deliveries are read by subject and removed one by one.
// DiscardNew makes a full queue push back instead of forgetting.
func (t Topology) deliveriesStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        StreamDeliveries,
		Description: "Events on their way to a sink.",
		Subjects:    []string{"ferrule.delivery.>"},
		// Limits that are never reached but by the bytes would do as well; the server
		// refuses to change the retention of a stream that exists.
		Retention:   jetstream.WorkQueuePolicy,
		MaxBytes:    t.DeliveriesMaxBytes,
		Discard:     jetstream.DiscardNew,
		AllowDirect: true,
	}
}

// sinkWorkStream holds one message for each sink: a new one takes the place of the
// one before, which also ends the pause that the one before was in.
func sinkWorkStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              StreamSinkWork,
		Description:       "Sinks for which there is something to do.",
		Subjects:          []string{"ferrule.sinkwork.>"},
		Retention:         jetstream.WorkQueuePolicy,
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardOld,
	}
}

func (t Topology) deadLettersStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        StreamDeadLetters,
		Description: "Deliveries that failed for good.",
		Subjects:    []string{"ferrule.deadletter.>"},
		Retention:   jetstream.LimitsPolicy,
		MaxAge:      DeadLettersMaxAge,
		MaxBytes:    t.DeadLettersMaxBytes,
		Discard:     jetstream.DiscardOld,
		AllowDirect: true,
	}
}

// attemptsStream is a history for people, by which nothing is decided: it is written
// without a sync for each attempt, which would cost as much as the deliveries. Servers
// of a cluster sync none of their streams that way.
func (t Topology) attemptsStream() jetstream.StreamConfig {
	mode := jetstream.AsyncPersistMode
	if t.Replicas > 1 {
		mode = jetstream.DefaultPersistMode
	}
	return jetstream.StreamConfig{
		Name:              StreamAttempts,
		Description:       "What attempts to deliver led to.",
		Subjects:          []string{"ferrule.attempt.>"},
		Retention:         jetstream.LimitsPolicy,
		MaxAge:            AttemptsMaxAge,
		MaxMsgsPerSubject: AttemptsPerSubscription,
		MaxBytes:          128 << 20,
		Discard:           jetstream.DiscardOld,
		AllowDirect:       true,
		PersistMode:       mode,
	}
}

// usageStream keeps only the last totals of a process and hour: a crash can lose
// what was counted since they were written, and a message that is written again
// counts nothing twice.
func usageStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              StreamUsage,
		Description:       "Calls by hour, connector and connection.",
		Subjects:          []string{"ferrule.usage.>"},
		Retention:         jetstream.LimitsPolicy,
		MaxAge:            UsageMaxAge,
		MaxMsgsPerSubject: 1,
		MaxBytes:          1 << 30,
		Discard:           jetstream.DiscardOld,
		AllowDirect:       true,
	}
}

func requestLogStream() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              StreamRequestLog,
		Description:       "Requests and answers of connections that are being looked at.",
		Subjects:          []string{"ferrule.requestlog.>"},
		Retention:         jetstream.LimitsPolicy,
		MaxAge:            RequestLogMaxAge,
		MaxMsgsPerSubject: RequestLogPerConnection,
		MaxBytes:          256 << 20,
		Discard:           jetstream.DiscardOld,
		AllowDirect:       true,
	}
}

// Buckets returns the configuration of every key-value bucket.
func (t Topology) Buckets() []jetstream.KeyValueConfig {
	t = t.withDefaults()
	buckets := []jetstream.KeyValueConfig{
		{
			// A budget is of no interest once its time is over, a day at the longest. In
			// memory: the first call of a connection in each window waits for it. A
			// server that starts again has forgotten what was taken of the present one.
			Bucket: BucketRateBudgets, Description: "How much of each rate limit is taken.",
			TTL: 25 * time.Hour, MaxBytes: 32 << 20, Storage: jetstream.MemoryStorage,
		},
		{
			Bucket: BucketIdempotency, Description: "What became of calls with an idempotency key.",
			TTL: IdempotencyMaxAge, MaxValueSize: 512 << 10, MaxBytes: 256 << 20,
		},
		{
			Bucket: BucketScriptState, Description: "What custom code keeps.",
			MaxValueSize: 64 << 10, MaxBytes: 64 << 20, LimitMarkerTTL: time.Minute,
		},
		{
			Bucket: BucketRequestLogs, Description: "Whose requests are kept, and until when.",
			MaxBytes: 16 << 20, LimitMarkerTTL: time.Minute,
		},
		{
			Bucket: BucketSinks, Description: "Who delivers to a sink, and what waits for its next attempt.",
			MaxValueSize: 256 << 10, MaxBytes: 256 << 20, LimitMarkerTTL: time.Minute,
		},
	}
	for i := range buckets {
		buckets[i].Replicas = t.Replicas
		buckets[i].History = 1
	}
	return buckets
}

// PollsConsumer returns the configuration of the consumer of due polls. ackWait
// is how long a poll may go without a sign of life before another process gets it.
func PollsConsumer(ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       ConsumerPolls,
		Description:   "Takes polls that are due.",
		FilterSubject: "ferrule.poll.fire.>",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		// Never given up: past MaxDeliver a message stays in a work queue and is
		// delivered to nobody, and its subscription would be dead for good.
		MaxDeliver: -1,
		// Unbounded: polls that wait for their retry count as pending, so with a
		// bound one broken upstream with many subscriptions would stop all others.
		// Workers take one at a time, which is bound enough.
		MaxAckPending: -1,
	}
}

// SinksConsumer returns the configuration of the consumer that queues events for
// their sinks. ackWait is how long an event may go without a sign of life before
// another process gets it, ahead how many are at work at the same time.
func SinksConsumer(ackWait time.Duration, ahead int) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       ConsumerSinks,
		Description:   "Puts events into the queues of their sinks.",
		FilterSubject: EventAddress{}.Filter(),
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1, // never given up
		MaxAckPending: ahead,
	}
}

// SinkWorkConsumer returns the configuration of the consumer of sinks for which
// there is something to do. ackWait is how long one may stay with a process without
// a sign of life before another gets it.
func SinkWorkConsumer(ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:       ConsumerSinkWork,
		Description:   "Takes sinks for which there is something to do.",
		FilterSubject: "ferrule.sinkwork.>",
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1, // never given up
		// Unbounded: sinks that wait for their next attempt count as pending. There is
		// one message for each of them, not for each delivery.
		MaxAckPending: -1,
	}
}

// ChangeSubject returns where a change of the resource id is announced.
func ChangeSubject(kind ChangeKind, environment, id string) string {
	return join("ferrule.change", string(kind), environment, id)
}

// ChangeFilter returns the subject filter for changes of one kind, or of every
// kind for [ChangeAny].
func ChangeFilter(kind ChangeKind) string {
	if kind == ChangeAny {
		return "ferrule.change.>"
	}
	return join("ferrule.change", string(kind)) + ".>"
}

// ParseChange undoes [ChangeSubject].
func ParseChange(subject string) (kind ChangeKind, environment, id string, err error) {
	v, err := split(subject, "ferrule.change", 3)
	if err != nil {
		return "", "", "", err
	}
	return ChangeKind(v[0]), v[1], v[2], nil
}

// EventAddress says which subscription, of which operation, an event belongs to.
type EventAddress struct{ Environment, Connector, Operation, Subscription string }

// eventPrefix begins the subject of every event.
const eventPrefix = "ferrule.event."

// Subject returns where the events with this address are published.
func (a EventAddress) Subject() string {
	return join("ferrule.event", a.Environment, a.Connector, a.Operation, a.Subscription)
}

// Filter returns a subject filter: empty fields match everything.
func (a EventAddress) Filter() string {
	return joinFilter("ferrule.event", a.Environment, a.Connector, a.Operation, a.Subscription)
}

// ParseEvent undoes [EventAddress.Subject].
func ParseEvent(subject string) (EventAddress, error) {
	v, err := split(subject, "ferrule.event", 4)
	if err != nil {
		return EventAddress{}, err
	}
	return EventAddress{Environment: v[0], Connector: v[1], Operation: v[2], Subscription: v[3]}, nil
}

// UsageAddress says whose calls are counted in which hour, by which process.
type UsageAddress struct{ Environment, Hour, Connector, Connection, Process string }

// Subject returns where the totals with this address are published.
func (a UsageAddress) Subject() string {
	return join("ferrule.usage", a.Environment, a.Hour, a.Connector, a.Connection, a.Process)
}

// Filter returns a subject filter: empty fields match everything.
func (a UsageAddress) Filter() string {
	return joinFilter("ferrule.usage", a.Environment, a.Hour, a.Connector, a.Connection, a.Process)
}

// ParseUsage undoes [UsageAddress.Subject].
func ParseUsage(subject string) (UsageAddress, error) {
	v, err := split(subject, "ferrule.usage", 5)
	if err != nil {
		return UsageAddress{}, err
	}
	return UsageAddress{Environment: v[0], Hour: v[1], Connector: v[2], Connection: v[3], Process: v[4]}, nil
}

// RequestLogSubject returns where requests of a connection are kept.
func RequestLogSubject(environment, connection string) string {
	return join("ferrule.requestlog", environment, connection)
}

// ScheduleSubject returns where the definition of a schedule is kept. There is
// one subject per schedule, because a second definition on a subject replaces
// the first without a word.
func ScheduleSubject(id string) string { return join("ferrule.poll.sched", id) }

// FiringSubject returns where a schedule fires. It differs from the subject of
// the definition, as the server demands (error 10190).
func FiringSubject(id string) string { return join("ferrule.poll.fire", id) }

// ParseFiring undoes [FiringSubject].
func ParseFiring(subject string) (id string, err error) {
	v, err := split(subject, "ferrule.poll.fire", 1)
	if err != nil {
		return "", err
	}
	return v[0], nil
}
