package store

import (
	"bytes"
	"slices"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// maxRecent is how many webhook subscriptions are kept read, and maxPolled how many that
// poll: more than are polled at the same time.
const maxRecent, maxPolled = 10_000, 1_500

// recent keeps subscriptions as they were last read, together with the bytes that they
// were read from: every notification asks for one, every poll twice, and reading the bytes
// again is what costs. Cursors are read each time. What the store has now is asked for each time, so that
// nothing is ever out of date, whoever wrote it. The zero value is ready to use.
type recent struct {
	mu   sync.Mutex
	read map[string]reading // webhooks
	poll map[string]reading
}

type reading struct {
	record []byte
	sub    core.Subscription
}

// load is load for a subscription that is probably the same as the last time.
func (c *recent) load(r kv.Reader, uid string) (core.Subscription, error) {
	record, err := r.Get(recordKey(uid))
	if err != nil {
		return load(r, uid) // which says what that means
	}
	if sub, ok := c.known(uid, record); ok {
		err := cursorOf(r, uid, &sub)
		return sub, err
	}
	sub, err := load(r, uid)
	if err != nil || sub.Webhook == nil && sub.Polling == nil {
		return sub, err
	}
	c.keep(uid, reading{record: record, sub: own(sub)})
	return sub, nil
}

// known returns a subscription as it was read from these very bytes, without its cursor.
func (c *recent) known(uid string, record []byte) (core.Subscription, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, read := range []map[string]reading{c.read, c.poll} {
		if found, ok := read[uid]; ok && bytes.Equal(found.record, record) {
			return own(found.sub), true
		}
	}
	return core.Subscription{}, false
}

func (c *recent) keep(uid string, r reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil {
		c.read, c.poll = map[string]reading{}, map[string]reading{}
	}
	read, most := c.read, maxRecent
	if r.sub.Polling != nil {
		read, most = c.poll, maxPolled
	}
	if _, there := read[uid]; !there && len(read) >= most {
		for other := range read {
			delete(read, other)
			break
		}
	}
	read[uid] = r
}

// own returns a copy whose own parts may be changed.
func own(sub core.Subscription) core.Subscription {
	if sub.Webhook != nil {
		webhook := *sub.Webhook
		sub.Webhook = &webhook
	}
	if sub.Polling != nil {
		polling := *sub.Polling
		sub.Polling = &polling
	}
	sub.Sinks = slices.Clone(sub.Sinks)
	return sub
}
