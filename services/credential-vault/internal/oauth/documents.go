package oauth

import (
	"sync"
	"time"
)

const (
	// documentLifetime is how long metadata is believed: short enough for a
	// provider that moves, long enough to spare it our asking.
	documentLifetime = time.Hour
	// maxDocuments bounds how many are remembered.
	maxDocuments = 1000
)

// metadata is what an authorization server says about itself (RFC 8414, section 2;
// OpenID Connect Discovery, section 3), or a resource about its own (RFC 9728,
// section 2). It is immutable.
type metadata struct {
	issuer, resource string
	servers, scopes  []string
	methods          []string
	endpoints        Endpoints
	// mutual is the token endpoint for clients with a certificate (RFC 8705,
	// section 5).
	mutual string
	// named means that its answers say who sent them (RFC 9207, section 3).
	named bool
}

// documents remembers metadata by the URL that it came from. It is safe for
// concurrent use.
type documents struct {
	mu     sync.Mutex
	known  map[string]document
	order  []string             // the oldest first
	misses map[string]time.Time // until when a document is not asked for again
}

type document struct {
	content *metadata
	end     time.Time
}

func newDocuments() *documents {
	return &documents{known: map[string]document{}, misses: map[string]time.Time{}}
}

// missLifetime is how long a document is not asked for again that could not be had
// and is not needed.
const missLifetime = 10 * time.Minute

// missed reports whether a document could not be had a while ago.
func (d *documents) missed(url string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return now.Before(d.misses[url])
}

// miss remembers that a document could not be had. Past the bound all others are
// forgotten, which costs a question each.
func (d *documents) miss(url string, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.misses) >= maxDocuments {
		clear(d.misses)
	}
	d.misses[url] = now.Add(missLifetime)
}

// get returns what is known and still believed.
func (d *documents) get(url string, now time.Time) (*metadata, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	found, ok := d.known[url]
	return found.content, ok && now.Before(found.end)
}

// put remembers a document, and forgets the oldest if there are too many.
func (d *documents) put(url string, content *metadata, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.known[url]; !ok {
		d.order = append(d.order, url)
	}
	d.known[url] = document{content, now.Add(documentLifetime)}
	if len(d.order) > maxDocuments {
		delete(d.known, d.order[0])
		d.order = append(d.order[:0], d.order[1:]...)
	}
}
