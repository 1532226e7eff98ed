package events

import (
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Watch tells those who follow events when their subscription has changed. It is
// fed by the announcements on the bus, so it works whichever process made the
// change. It is safe for concurrent use.
type Watch struct {
	mu      sync.Mutex
	waiting map[resource.Subscription]map[chan struct{}]struct{}
}

// NewWatch returns a watch without watchers.
func NewWatch() *Watch {
	return &Watch{waiting: map[resource.Subscription]map[chan struct{}]struct{}{}}
}

// Of returns a channel that is readable after each change of a subscription that
// is announced from now on, or may have been. stop ends that.
func (w *Watch) Of(name resource.Subscription) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting[name] == nil {
		w.waiting[name] = map[chan struct{}]struct{}{}
	}
	w.waiting[name][ch] = struct{}{}
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waiting[name], ch)
		if len(w.waiting[name]) == 0 {
			delete(w.waiting, name)
		}
	}
}

// Changed passes on an announcement.
func (w *Watch) Changed(c bus.Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	signal(w.waiting[resource.Subscription{Environment: c.Environment, ID: c.ID}])
}

// Resync makes everybody look: announcements may have been missed.
func (w *Watch) Resync() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, channels := range w.waiting {
		signal(channels)
	}
}

func signal(channels map[chan struct{}]struct{}) {
	for ch := range channels {
		select {
		case ch <- struct{}{}:
		default: // it is going to look anyway
		}
	}
}
