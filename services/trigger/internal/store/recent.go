package store

import (
	"bytes"
	"slices"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// maxRecent is how many subscriptions are kept read.
const maxRecent = 10_000

// recent keeps webhook subscriptions as they were last read, together with the
// bytes that they were read from: every notification asks for one, and reading the
// bytes again is what costs. What the store has now is asked for each time, so that
// nothing is ever out of date, whoever wrote it. The zero value is ready to use.
type recent struct {
	mu   sync.Mutex
	read map[string]reading
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
	c.mu.Lock()
	known, ok := c.read[uid]
	c.mu.Unlock()
	if ok && bytes.Equal(known.record, record) {
		return own(known.sub), nil
	}
	sub, err := load(r, uid)
	if err != nil || sub.Webhook == nil || sub.Polling != nil {
		return sub, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == nil {
		c.read = map[string]reading{}
	}
	if _, there := c.read[uid]; !there && len(c.read) >= maxRecent {
		for other := range c.read {
			delete(c.read, other)
			break
		}
	}
	c.read[uid] = reading{record: record, sub: own(sub)}
	return sub, nil
}

// own returns a copy whose own parts may be changed.
func own(sub core.Subscription) core.Subscription {
	webhook := *sub.Webhook
	sub.Webhook = &webhook
	sub.Sinks = slices.Clone(sub.Sinks)
	return sub
}
