// Package cache keeps answers of APIs and gives them again while they are good: a
// private cache of RFC 9111 for each caller of each connection.
//
// What is good for how long is said by the API, or by the connector where it
// knows better ([Rule]). There is no guess: an answer without a word about its
// age is kept only if it can be asked about (a validator). An answer is never
// given to another connection or another caller, and a request that changes
// something makes all answers of its connection forgotten.
//
//	question := cache.Question{Connection: name, Caller: "ann", Operation: "ListItems", Request: &req}
//	if found := answers.Find(&question, now); found != nil && found.Fresh {
//		return found.Answer()
//	}
//	…
//	answers.Keep(&question, rule, response, sent, now)
package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

const (
	// MaxAnswer is the longest body that is kept, in bytes.
	MaxAnswer = 4 << 20
	// maxVariants is how many answers of one URL are kept that differ by what
	// their field Vary names.
	maxVariants = 8
	// maxConnections is how many connections are told apart; what is known of one
	// that is forgotten is asked again.
	maxConnections = 100_000
	// overhead is what an answer takes besides its text.
	overhead = 512
)

// Cache keeps answers. It is safe for concurrent use and starts nothing of its
// own.
type Cache struct {
	answers     *otter.Cache[key, *page]
	generations *otter.Cache[resource.Connection, *generation]
}

// key is the digest of everything that makes two requests the same.
type key [sha256.Size]byte

// page is what is kept of one URL. It is never changed, only replaced.
type page struct {
	variants []*Found
	weight   uint32
}

// New returns an empty cache that takes about so many bytes.
func New(bytes int64) (*Cache, error) {
	answers, err := otter.New(&otter.Options[key, *page]{
		MaximumWeight: uint64(max(bytes, 1)),
		Weigher:       func(_ key, p *page) uint32 { return p.weight },
	})
	if err != nil {
		return nil, fmt.Errorf("make cache of answers: %w", err)
	}
	generations, err := otter.New(&otter.Options[resource.Connection, *generation]{MaximumSize: maxConnections})
	if err != nil {
		return nil, fmt.Errorf("make cache of connections: %w", err)
	}
	return &Cache{answers: answers, generations: generations}, nil
}

// Question is a request whose answer may be known. It is asked before credentials
// and policies: these follow from the connection, the caller and the rest.
type Question struct {
	// Connection is whose answer it is.
	Connection resource.Connection
	// Caller tells callers apart: who calls, and with which token of his own.
	Caller string
	// Revision and Operation say what is called.
	Revision, Operation string
	// Request is the request as it was built or passed through, without credentials.
	Request *request.Request
	// Epoch is that of the connection from before the request was sent; the present
	// one if it is empty and the question is put before that, as it should be.
	Epoch Epoch

	key   key
	keyed bool
}

// Found is an answer that is kept.
type Found struct {
	// Fresh says that it can be given as it is.
	Fresh bool
	// ETag and LastModified are what the API can be asked about it with, as it
	// wrote them; empty for what it did not say.
	ETag, LastModified string

	varies    []string // canonical names
	asked     []string // their values, in that order
	status    int
	header    http.Header
	body      []byte
	stored    time.Time
	age       time.Duration // when it was stored
	life      time.Duration
	onFailure time.Duration // beyond life, if the API fails
	revalid   bool          // never without asking
	form      string        // media type, for those who want it; empty: for all
}

// Answer returns the answer with its present age in the field Age (RFC 9111,
// section 5.1). The header is the caller's, the body is shared and must not be
// written to.
func (f *Found) Answer(now time.Time) *upstream.Response {
	header := f.header.Clone()
	header["Age"] = []string{strconv.FormatInt(int64(f.present(now)/time.Second), 10)}
	return &upstream.Response{Status: f.status, Header: header, Body: f.body}
}

// StandsIn reports whether the answer may be given because the API fails
// (RFC 5861, section 4).
func (f *Found) StandsIn(now time.Time) bool {
	return f.onFailure > 0 && f.present(now) < f.life+f.onFailure
}

func (f *Found) present(now time.Time) time.Duration { return f.age + max(now.Sub(f.stored), 0) }

// Find returns what is known about a question, nil for nothing. What is not fresh
// can be asked about, see [Ask].
func (c *Cache) Find(q *Question, now time.Time) *Found {
	p, ok := c.answers.GetIfPresent(c.keyOf(q))
	if !ok {
		return nil
	}
	for _, v := range p.variants {
		if !slices.Equal(v.asked, valuesOf(q.Request, v.varies)) || !v.suits(q.Request) {
			continue
		}
		found := *v
		found.Fresh = !v.revalid && v.present(now) < v.life
		if !found.Fresh && found.ETag == "" && found.LastModified == "" && !found.StandsIn(now) {
			return nil
		}
		return &found
	}
	return nil
}

// Ask makes a request conditional (RFC 9111, section 4.3.1) and reports whether it
// did: not if the caller has conditions of his own, or there is nothing to ask with.
func (f *Found) Ask(req *request.Request) bool {
	conditions := []string{"If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range"}
	if slices.ContainsFunc(conditions, req.HasHeader) {
		return false
	}
	if f.ETag != "" {
		req.SetHeader("If-None-Match", f.ETag)
	}
	if f.LastModified != "" {
		req.SetHeader("If-Modified-Since", f.LastModified)
	}
	return f.ETag != "" || f.LastModified != ""
}

// Keep stores an answer if it may be stored. sent is when its request was. An
// answer of 304 to a request that [Found.Ask] made conditional is given to
// [Cache.Renew] instead.
func (c *Cache) Keep(q *Question, rule Rule, resp *upstream.Response, sent, now time.Time) {
	f := rule.read(resp, sent, now)
	if f == nil || len(resp.Body) > MaxAnswer || resp.Rest != nil || !f.tellCodings(q.Request, resp.Header) {
		return
	}
	f.asked = valuesOf(q.Request, f.varies)
	f.status, f.header, f.body = resp.Status, resp.Header.Clone(), resp.Body
	c.put(q, f)
}

// Renew takes an answer of 304: what was found is good again, with the header
// fields of the new answer (RFC 9111, section 4.3.4). It returns the answer to
// give.
func (c *Cache) Renew(q *Question, rule Rule, found *Found, resp *upstream.Response, sent, now time.Time) *upstream.Response {
	whole := &upstream.Response{Status: found.status, Header: found.header.Clone(), Body: found.body}
	for name, values := range resp.Header {
		if name != "Content-Encoding" && name != "Content-Type" && name != "Content-Range" {
			whole.Header[name] = values
		}
	}
	c.Keep(q, rule, whole, sent, now)
	return whole
}

// tellCodings makes an answer with a content coding one for those who ask for the
// same codings, whether it says so or not: the requests of calls take none. One
// that came without being asked for is nobody's. It reports whether the answer may
// be kept.
func (f *Found) tellCodings(req *request.Request, header http.Header) bool {
	const asked = "Accept-Encoding"
	if coding := header.Get("Content-Encoding"); coding == "" || strings.EqualFold(coding, "identity") {
		return true
	}
	if !slices.Contains(f.varies, asked) {
		f.varies = append(f.varies, asked)
		slices.Sort(f.varies)
	}
	return req.HasHeader(asked)
}

// Forget drops all answers of a connection, and those that are on their way.
func (c *Cache) Forget(connection resource.Connection) {
	if g, ok := c.generations.GetIfPresent(connection); ok {
		g.number.Add(1)
		g.kept.Store(false)
	}
}

// ForgetAll drops all answers of all connections.
func (c *Cache) ForgetAll() { c.generations.InvalidateAll() }

// put adds a variant in the place of its like.
func (c *Cache) put(q *Question, f *Found) {
	k := c.keyOf(q)
	next := &page{variants: []*Found{f}, weight: f.weight()}
	if p, ok := c.answers.GetIfPresent(k); ok {
		for _, v := range p.variants {
			same := slices.Equal(v.varies, f.varies) && slices.Equal(v.asked, f.asked) && v.form == f.form
			if !same && len(next.variants) < maxVariants {
				next.variants = append(next.variants, v)
				next.weight += v.weight()
			}
		}
	}
	c.answers.Set(k, next)
	q.Epoch.of.kept.Store(true)
}

func (f *Found) weight() uint32 {
	size := len(f.body) + overhead
	for name, values := range f.header {
		size += len(name)
		for _, v := range values {
			size += len(v)
		}
	}
	return uint32(size)
}

// keyOf digests a question once.
func (c *Cache) keyOf(q *Question) key {
	if q.keyed {
		return q.key
	}
	if !q.Epoch.Known() {
		q.Epoch = c.Epoch(q.Connection)
	}
	text := make([]byte, 8, 512)
	binary.BigEndian.PutUint64(text, q.Epoch.number)
	base := q.Request.Base
	for _, part := range []string{
		q.Connection.Environment, q.Connection.ID, q.Caller, q.Revision, q.Operation,
		q.Request.Method, base.Scheme, base.Host, base.Path, q.Request.Path, q.Request.Query, string(q.Request.Body),
		strings.Join(q.Request.Header["Cookie"], "; "), // a caller may have the sessions of several people
	} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	q.key, q.keyed = sha256.Sum256(text), true
	return q.key
}

// valuesOf returns the values of request fields, several of a name joined.
func valuesOf(req *request.Request, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = strings.Join(req.Header[name], ", ")
	}
	return values
}
