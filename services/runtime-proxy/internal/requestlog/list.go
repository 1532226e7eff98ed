package requestlog

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// The limits of a page.
const (
	// DefaultPage and MaxPage are how many entries a page has.
	DefaultPage, MaxPage = 50, bus.RequestLogPerConnection
	// MaxPageBytes is how long they are together. Every page but the last has at
	// least one.
	MaxPageBytes = 8 << 20
)

// List returns what was kept in one log, newest first. size is the number of
// entries, 0 for [DefaultPage]; more than [MaxPage] mean that. token is empty or
// from an earlier page; it is nothing but a place in the log of the connection
// that is asked for, so that it need not be kept from anybody. next is empty on
// the last page.
func (l *Log) List(ctx context.Context, connection resource.Connection, id string, size int, token string) (entries []*runtimev1.RequestLogEntry, next string, err error) {
	before, err := parseToken(token)
	if err != nil {
		return nil, "", err
	}
	size = min(cmp.Or(max(size, 0), DefaultPage), MaxPage)
	places, err := l.places(ctx, connection, id, before)
	if err != nil || len(places) == 0 {
		return nil, "", err
	}
	stream, err := l.bus.JetStream().Stream(ctx, bus.StreamRequestLog)
	if err != nil {
		return nil, "", unavailable(err)
	}
	bytes := 0
	for _, place := range places {
		message, err := stream.GetMsg(ctx, place)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // a newer one has taken its place by now
		}
		if err != nil {
			return nil, "", unavailable(err)
		}
		bytes += len(message.Data)
		if len(entries) > 0 && (len(entries) == size || bytes > MaxPageBytes) {
			return entries, strconv.FormatUint(before, 36), nil
		}
		entry := &runtimev1.RequestLogEntry{}
		if proto.Unmarshal(message.Data, entry) != nil {
			continue // by an earlier program
		}
		entries, before = append(entries, entry), place
	}
	return entries, "", nil
}

// parseToken returns the place that a page goes on before; 0 for the newest.
func parseToken(token string) (before uint64, err error) {
	if token == "" {
		return 0, nil
	}
	if before, err = strconv.ParseUint(token, 36, 64); err != nil || before == 0 {
		return 0, fault.Invalid(fault.ReasonInvalidPageToken, "the page token is not one of this list; begin without one").
			Field("page_token", "is not a token that was given out")
	}
	return before, nil
}

// places returns where the entries of a log are, newest first. It reads only the
// headers of the messages.
func (l *Log) places(ctx context.Context, connection resource.Connection, id string, before uint64) (places []uint64, err error) {
	js := l.bus.JetStream()
	consumer, err := js.CreateConsumer(ctx, bus.StreamRequestLog, jetstream.ConsumerConfig{
		FilterSubject: bus.RequestLogSubject(connection.Environment, connection.ID), HeadersOnly: true,
		AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, InactiveThreshold: ackTime,
	})
	if err != nil {
		return nil, unavailable(err)
	}
	defer func() { // the bus forgets it anyway, only later
		_ = js.DeleteConsumer(context.WithoutCancel(ctx), bus.StreamRequestLog, consumer.CachedInfo().Name)
	}()
	batch, err := consumer.FetchNoWait(2 * MaxPage) // some may arrive meanwhile
	if err != nil {
		return nil, unavailable(err)
	}
	for message := range batch.Messages() {
		meta, err := message.Metadata()
		if err != nil || message.Headers().Get(idHeader) != id || before > 0 && meta.Sequence.Stream >= before {
			continue
		}
		places = append(places, meta.Sequence.Stream)
	}
	if err := batch.Error(); err != nil {
		return nil, unavailable(err)
	}
	slices.Reverse(places)
	return places, nil
}
