package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// verifyPage is how many records are checked in one transaction: a few
// milliseconds, in which nothing else has to wait.
const verifyPage = 1000

// broken is what a verification finds. It is a verdict and no failure.
type broken struct {
	sequence uint64
	reason   string
}

// Error returns the reason.
func (b *broken) Error() string { return b.reason }

func brokenAt(sequence uint64, format string, args ...any) error {
	return &broken{sequence: sequence, reason: fmt.Sprintf(format, args...)}
}

// VerifyAudit implements core.Trail. It reads the trail in pages, each of which
// is as the trail was at one moment; records that are removed meanwhile because
// of their age are passed over.
func (s *Store) VerifyAudit(ctx context.Context, environment string, anchor core.AuditAnchor) (core.AuditVerdict, error) {
	v := verification{store: s, environment: environment, anchor: anchor}
	err := v.run(ctx)
	if b, ok := errors.AsType[*broken](err); ok {
		v.verdict.Broken, v.verdict.Reason = max(b.sequence, 1), b.reason
		return v.verdict, nil
	}
	return v.verdict, err
}

// verification is one walk along a chain.
type verification struct {
	store       *Store
	environment string
	anchor      core.AuditAnchor
	kept        chain.Proof // of the anchor
	key         *chain.Key
	verdict     core.AuditVerdict

	begun  bool
	next   uint64      // position of the record to check next
	proof  chain.Proof // of the record before next
	last   uint64      // position of the newest record when it began
	newest chain.Proof // of that record
}

func (v *verification) run(ctx context.Context) error {
	if err := v.prepare(ctx); err != nil {
		return err
	}
	for v.next <= v.last || !v.begun {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := v.store.kv.View(ctx, v.page); err != nil {
			return err
		}
	}
	if err := v.index(ctx); err != nil {
		return err
	}
	return v.witnesses(ctx)
}

// prepare gets the key and reads the anchor.
func (v *verification) prepare(ctx context.Context) (err error) {
	if v.anchor.Sequence > 0 {
		if v.kept, err = chain.Parse(v.anchor.Proof); err != nil {
			return fault.Invalid(fault.ReasonInvalidArgument, "the proof that was kept cannot be read: %v", err).Field("proof", err.Error())
		}
	}
	if v.store.prover == nil {
		return errNoProver
	}
	v.key, err = v.store.prover.Existing(ctx, v.environment)
	if !errors.Is(err, chain.ErrNoKey) {
		return err
	}
	return v.store.kv.View(ctx, func(r kv.Reader) error {
		switch _, _, err := readState(r, v.environment); {
		case errors.Is(err, errNoState):
			if err := v.untraced(r); err != nil {
				return err
			}
			v.begun, v.verdict.First = true, 1
			return v.uncut(0)
		case err == nil, errors.Is(err, errStateLost), errors.Is(err, errStateWrong):
			return brokenAt(1, "the key of the trail is missing")
		default:
			return err
		}
	})
}

// page checks the records of one transaction.
func (v *verification) page(r kv.Reader) error {
	st, err := v.state(r)
	if err != nil {
		return err
	}
	if !v.begun {
		v.begun, v.last = true, st.sequence
		v.next, v.proof = st.removed+1, st.removedProof
		v.newest = st.proof
		if st.sequence > 0 {
			v.verdict.Last = core.AuditAnchor{Sequence: st.sequence, Proof: st.proof.String()}
		}
		if err := v.uncut(st.sequence); err != nil {
			return err
		}
	} else if v.next <= st.removed { // they have become too old meanwhile
		v.next, v.proof = st.removed+1, st.removedProof
	}
	v.verdict.First = st.removed + 1
	if err := v.anchored(st); err != nil {
		return err
	}
	return v.records(r, st)
}

// state returns the state of the trail.
func (v *verification) state(r kv.Reader) (auditState, error) {
	st, err := provedState(r, v.environment, v.key)
	switch {
	case err == nil:
		return st, nil
	case errors.Is(err, errNoState):
		return st, v.untraced(r)
	case errors.Is(err, errStateLost), errors.Is(err, errStateWrong):
		return st, brokenAt(v.next, "what the vault knows about the ends of the trail is missing or was changed")
	case errors.Is(err, errNotNewest):
		newest, scanErr := r.Scan(auditPrefix(v.environment), nil, 1)
		if scanErr != nil {
			return st, scanErr
		}
		if len(newest) > 0 && sequenceOf(lastPart(newest[0].Key, auditPrefix(v.environment))) > st.sequence {
			return st, brokenAt(st.sequence+1, "the trail goes on after its newest record %d: something was put back from an older copy, or added", st.sequence)
		}
		return st, brokenAt(st.sequence, "the trail does not end with its newest record %d", st.sequence)
	}
	return st, err
}

// untraced finds records of an environment that has neither a trail nor a key.
func (v *verification) untraced(r kv.Reader) error {
	traced, err := hasTraced(r, v.environment)
	if err == nil && traced {
		err = brokenAt(1, "the key of the trail is missing, and other records of the environment need it")
	}
	return err
}

// uncut finds a trail that ends before the anchor.
func (v *verification) uncut(last uint64) error {
	if v.anchor.Sequence <= last {
		return nil
	}
	return brokenAt(last+1, "the trail ends at %d and record %d was kept of it: its end was cut off, or it was put back from an older copy", last, v.anchor.Sequence)
}

// anchored looks at an anchor that is not among the records any more.
func (v *verification) anchored(st auditState) error {
	switch at := v.anchor.Sequence; {
	case at == 0, at > st.removed, v.verdict.Checked > 0:
		return nil
	case at < st.removed:
		return fault.Invalid(fault.ReasonInvalidArgument,
			"record %d was removed because of its age; verify with one that is kept, %d or later", at, st.removed).
			Field("sequence", "must not be older than the trail")
	case !v.kept.Equal(st.removedProof):
		return v.other()
	}
	return nil
}

func (v *verification) other() error {
	return brokenAt(v.anchor.Sequence, "record %d is not the one that was kept: the trail is another one", v.anchor.Sequence)
}

// records checks the next records, the oldest first.
func (v *verification) records(r kv.Reader, st auditState) error {
	if v.next > v.last {
		return v.noOlder(r, st)
	}
	until := min(v.last, v.next+verifyPage-1)
	values, err := oldestFirst(r, v.environment, v.next, until)
	if err != nil {
		return err
	}
	for _, value := range values {
		if err := v.record(r, value); err != nil {
			return err
		}
	}
	if until < v.last {
		return nil
	}
	if !v.proof.Equal(v.newest) {
		return brokenAt(v.last, "record %d is not the one that the vault remembers as its newest", v.last)
	}
	return v.noOlder(r, st)
}

// record checks the next record.
func (v *verification) record(r kv.Reader, value []byte) error {
	at := v.next
	stored, body, err := split(value)
	if err != nil {
		return brokenAt(at, "record %d cannot be read: %v", at, err)
	}
	proofs, err := v.key.Link(v.proof, at, [][]byte{body})
	if err != nil {
		return err
	}
	if !proofs[0].Equal(stored) {
		return brokenAt(at, "record %d or its proof was changed, or something before it", at)
	}
	record, err := decodeAudit(v.environment, at, value)
	if err != nil {
		return brokenAt(at, "record %d cannot be read: %v", at, err)
	}
	if at == v.anchor.Sequence && !stored.Equal(v.kept) {
		return v.other()
	}
	if id := record.Connection.ID; id != "" {
		_, err := r.Get(auditIndexKey(v.environment, id, at))
		if errors.Is(err, kv.ErrNotFound) {
			return brokenAt(at, "record %d is missing from the list of connection %q", at, id)
		}
		if err != nil {
			return err
		}
	}
	v.proof = stored
	v.next++
	v.verdict.Checked++
	return nil
}

// noOlder finds records before the first one.
func (v *verification) noOlder(r kv.Reader, st auditState) error {
	older, err := r.Scan(auditPrefix(v.environment), auditKey(v.environment, st.removed+1), 1)
	if err != nil || len(older) == 0 {
		return err
	}
	at := sequenceOf(lastPart(older[0].Key, auditPrefix(v.environment)))
	return brokenAt(at, "record %d is before the first one", at)
}

// index checks that the lists of connections name nothing but their records.
func (v *verification) index(ctx context.Context) error {
	prefix := auditIndexPrefix(v.environment)
	var after []byte
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var pairs []kv.Pair
		err := v.store.kv.View(ctx, func(r kv.Reader) (err error) {
			if pairs, err = r.Scan(prefix, after, verifyPage); err != nil {
				return err
			}
			for _, p := range pairs {
				if err := v.indexed(r, lastPart(p.Key, prefix)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || len(pairs) < verifyPage {
			return err
		}
		after = pairs[len(pairs)-1].Key
	}
}

// indexed checks one entry of the list of a connection.
func (v *verification) indexed(r kv.Reader, rest string) error {
	id, sequence := "", uint64(0)
	if cut := len(rest) - sequenceSize; cut > sequenceSize+1 { // behind the number of the block
		id, sequence = rest[sequenceSize:cut-1], sequenceOf(rest[cut:])
	}
	value, err := r.Get(auditKey(v.environment, sequence))
	if errors.Is(err, kv.ErrNotFound) {
		return brokenAt(sequence, "the list of connection %q names record %d, which does not exist", id, sequence)
	}
	if err != nil {
		return err
	}
	record, err := decodeAudit(v.environment, sequence, value)
	if err != nil || string(auditIndexKey(v.environment, record.Connection.ID, sequence)) != string(auditIndexPrefix(v.environment))+rest {
		return brokenAt(sequence, "the list of connection %q names record %d, which is not its own", id, sequence)
	}
	return nil
}

// oldestFirst returns the values of the records from one position to another. A
// record that is missing among them is a verdict.
func oldestFirst(r kv.Reader, environment string, from, until uint64) ([][]byte, error) {
	pairs, err := r.Scan(auditPrefix(environment), auditKey(environment, until+1), int(until-from+1))
	if err != nil {
		return nil, err
	}
	values := make([][]byte, 0, len(pairs))
	for at := from; at <= until; at++ {
		i := int(until - at)
		if i >= len(pairs) || !bytes.Equal(pairs[i].Key, auditKey(environment, at)) {
			return values, missing(pairs, environment, from, until)
		}
		values = append(values, pairs[i].Value)
	}
	return values, nil
}

// missing finds the first of the records from one position to another that is
// not among the pairs, which come newest first.
func missing(pairs []kv.Pair, environment string, from, until uint64) error {
	there := make(map[uint64]bool, len(pairs))
	for _, p := range pairs {
		at := sequenceOf(lastPart(p.Key, auditPrefix(environment)))
		if at == 0 {
			return brokenAt(from, "there is something among the records %d to %d that is none", from, until)
		}
		there[at] = true
	}
	at := from
	for there[at] {
		at++
	}
	return brokenAt(at, "record %d is missing", at)
}
