package store

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

const (
	// auditReads is how many records, and blocks of the index, one question reads at
	// most: about 20 ms of work. A filter for a connection or a time reads nothing else; one for a
	// principal or an action reads all others on the way.
	auditReads = 10_000
	// auditPage is how many are read at once by those that may read many.
	auditPage = 500
)

// AuditRecords implements core.Trail.
func (s *Store) AuditRecords(ctx context.Context, q core.AuditQuery) (found []core.AuditRecord, next uint64, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		st, _, err := readState(r, q.Environment)
		if errors.Is(err, errNoState) {
			return nil
		}
		if err != nil {
			return err
		}
		search := search{r: r, q: q, budget: auditReads}
		if q.Before == 0 || q.Before > st.sequence {
			q.Before = st.sequence + 1
		}
		if !q.To.IsZero() {
			if q.Before, err = notAfter(r, q, st); err != nil {
				return err
			}
		}
		err = search.run(q.Before, st.removed+1)
		found, next = search.found, search.next
		return err
	})
	return found, next, err
}

// notAfter returns the position before which a search for records that are older
// than q.To begins. Records come in the order of their recording, so it is found
// in few steps; some were recorded late, but none later than by st.lateness.
func notAfter(r kv.Reader, q core.AuditQuery, st auditState) (uint64, error) {
	late := nanos(q.To.Add(time.Duration(st.lateness)))
	oldest := st.removed + 1
	if q.Before <= oldest || nanos(q.To) == 0 {
		return q.Before, nil
	}
	var failed error
	steps := sort.Search(int(q.Before-oldest), func(i int) bool {
		value, err := r.Get(auditKey(q.Environment, oldest+uint64(i)))
		if err == nil {
			var body []byte
			if _, body, err = split(value); err == nil {
				return recordedOf(body) >= late
			}
		}
		failed = err
		return false
	})
	switch {
	case failed == nil:
		return oldest + uint64(steps), nil
	case errors.Is(failed, kv.ErrNotFound): // a gap hides nothing: what is left is read one by one
		return q.Before, nil
	}
	return 0, fmt.Errorf("search the audit trail by time: %w", failed)
}

// search goes through the records of a trail, or of a connection, from the
// newest.
type search struct {
	r      kv.Reader
	q      core.AuditQuery
	budget int // records and blocks of the index that may still be read

	found []core.AuditRecord
	next  uint64
	last  uint64 // the record that was read last
	over  bool   // whatever is older is not wanted
}

// run collects the records before a position, the oldest of which is given.
func (s *search) run(before, oldest uint64) error {
	after := auditKey("", before)[len(auditPrefix("")):]
	size := s.q.Limit
	if s.q.Principal != "" || s.q.Action != core.ActionUnspecified || !s.q.To.IsZero() {
		size = auditPage
	}
	size = min(size, auditPage)
	if s.q.Connection == "" {
		return walk(s.r, auditPrefix(s.q.Environment), after, size, s.visit)
	}
	for block := (before - 1) / auditBlock; ; block-- {
		if err := walk(s.r, auditListPrefix(s.q.Environment, s.q.Connection, block), after, size, s.visit); err != nil {
			return err
		}
		if s.over || block <= oldest/auditBlock {
			return nil
		}
		if s.budget--; s.budget <= 0 {
			s.next = block * auditBlock
			return nil
		}
	}
}

// visit reads one record and says whether to go on.
func (s *search) visit(p kv.Pair, rest string) (bool, error) {
	sequence := sequenceOf(rest)
	if len(s.found) == s.q.Limit || s.budget == 0 {
		s.next, s.over = s.last, true // there is one more, and the answer is full
		return false, nil
	}
	s.budget--
	s.last = sequence
	value := p.Value
	if s.q.Connection != "" { // the entry is one of the index
		var err error
		if value, err = s.r.Get(auditKey(s.q.Environment, sequence)); err != nil {
			return false, fmt.Errorf("audit record %d: %w", sequence, err)
		}
	}
	record, err := decodeAudit(s.q.Environment, sequence, value)
	if err != nil {
		return false, fmt.Errorf("audit record %d: %w", sequence, err)
	}
	if !s.q.From.IsZero() && recordedOf(value[chain.Size:]) < nanos(s.q.From) {
		s.over = true
		return false, nil // nor was any that is older recorded since then
	}
	if s.fits(record) {
		s.found = append(s.found, record)
	}
	return true, nil
}

// fits reports whether a record is wanted.
func (s *search) fits(r core.AuditRecord) bool {
	q := s.q
	return (q.Connection == "" || r.Connection.ID == q.Connection) &&
		(q.Principal == "" || r.Principal == q.Principal) &&
		(q.Action == core.ActionUnspecified || r.Action == q.Action) &&
		(q.From.IsZero() || !r.Time.Before(q.From)) &&
		(q.To.IsZero() || r.Time.Before(q.To))
}
