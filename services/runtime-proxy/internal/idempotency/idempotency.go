// Package idempotency makes calls with a key harmless to repeat: the first one is
// made, and those that come after it with the same key are answered with its
// answer.
//
//	claim, err := keeper.Begin(ctx, ask)        // refused, or
//	if answer, ok := claim.Replay(); ok { … }   // an earlier one's answer, or
//	…                                           // the call is to be made, and then one of
//	err = claim.Complete(ctx, answer)           // it was answered for good
//	err = claim.Release(ctx)                    // it did certainly not happen
//	err = claim.Made(ctx, how)                  // it happened, and failed on our side after that
//	err = claim.Lose(ctx)                       // it may have happened
//
// A key is known for 24 hours, to one caller on one connection. It stands for an
// operation and its input, and is refused for any other. A call whose outcome is not
// known, be it that its answer was lost or that the process died over it, keeps its
// key: it is never made a second time, unless it was said of it that this is harmless.
// Neither is one that was answered by the API and failed after that.
//
// What is kept is the answer, which may hold personal data, and hashes: neither
// input nor key nor the caller's name. It is not encrypted, as little as other
// messages on the bus, and leaves neither it nor the suite.
package idempotency

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// MaxKey is the longest key, in bytes.
	MaxKey = 255
	// MaxAnswer is the longest answer that is kept, in bytes. Of longer ones only
	// that they came is.
	MaxAnswer = 400 << 10
	// grace is how long after its deadline a call counts as under way: clocks of
	// processes may differ by that.
	grace = 5 * time.Second
	// maxWait is the longest that a caller is told to wait for another call.
	maxWait = 10 * time.Second
	// storeTime is how long the store may take for each thing that it is asked: one that
	// was slow to read leaves the time to write as it is.
	storeTime = 2 * time.Second
	// beginTime is how long all that comes before a call may take.
	beginTime = 5 * time.Second
	// maxRaces is how often a record is looked at anew because somebody else was
	// faster.
	maxRaces = 8
)

// Fingerprint is what tells calls with the same key apart.
type Fingerprint [sha256.Size]byte

// FingerprintOf returns the fingerprint of an operation with an input, JSON text, or
// a link. The revision is no part of it, and neither are spaces and the order of
// members. Numbers are compared as they are written: two large ones that a program
// might take for the same are not.
func FingerprintOf(operation, link string, input []byte) Fingerprint {
	canonical := jsontext.Value(input).Clone()
	err := canonical.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false))
	if err != nil { // the pipeline will say what is wrong with it
		canonical = input
	}
	return sha256.Sum256(packed([]byte(operation), []byte(link), canonical))
}

// packed puts parts together so that none can pass for another.
func packed(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = binary.AppendUvarint(out, uint64(len(part)))
		out = append(out, part...)
	}
	return out
}

// Ask describes a call that is about to be made.
type Ask struct {
	// Connection and Principal are on what, and on whose behalf.
	Connection resource.Connection
	Principal  authn.Principal
	// Instance tells the connection from those that had its name before, and Subject
	// those apart for whom one principal calls; either may be empty.
	Instance []byte
	Subject  string
	// Key is what the caller sent, 1 to [MaxKey] bytes.
	Key string
	// Fingerprint is of operation and input.
	Fingerprint Fingerprint
	// Deadline is when the call will have ended, whatever comes.
	Deadline time.Time
	// Repeatable is true if making the call twice is sure to do no harm, whatever will be
	// sent for it: the API takes the key, or everything about the operation is idempotent.
	// It counts for those who come after it, if the process dies over the call; see also
	// [Claim.Repeatable].
	Repeatable bool
}

// name is where the record is. Nobody learns of another caller's keys, nor gets
// their answers.
func (a *Ask) name() string {
	sum := sha256.Sum256(packed([]byte{byte(a.Principal.Kind)}, []byte(a.Principal.Name), a.Instance, []byte(a.Subject), []byte(a.Key)))
	return bus.Key(a.Connection.Environment, a.Connection.ID, base64.RawURLEncoding.EncodeToString(sum[:]))
}

// Keeper keeps what became of calls. It is safe for concurrent use.
type Keeper struct {
	store Store
	clock clock.Clock
}

// New returns a keeper.
func New(store Store, clk clock.Clock) *Keeper { return &Keeper{store: store, clock: clk} }

// Begin claims the key of a call, on all processes at once. The errors are
// IDEMPOTENCY_KEY_REUSED if it stands for another call; IDEMPOTENCY_KEY_IN_USE if
// its call is under way (with a time to come back after), ended nobody knows how,
// failed after the API had answered, or had an answer that was too long to keep; and SERVICE_UNAVAILABLE if nothing
// can be found out: no promise is made then, and no call.
func (k *Keeper) Begin(ctx context.Context, ask Ask) (*Claim, error) {
	if ask.Key == "" || len(ask.Key) > MaxKey {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the idempotency key has %d bytes; use 1 to %d", len(ask.Key), MaxKey)
	}
	ctx, cancel := context.WithTimeout(ctx, beginTime)
	defer cancel()
	claim := &Claim{keeper: k, name: ask.name(), record: record{
		state: underWay, fingerprint: ask.Fingerprint, deadline: ask.Deadline, repeatable: ask.Repeatable, claim: rand.Text(),
	}}
	var lost error // of a claim that may have been written all the same
	for range maxRaces {
		found, version, err := k.load(ctx, claim.name)
		switch {
		case lost != nil && (err != nil || !bytes.Equal(found, claim.record.encode())):
			return nil, unavailable(lost)
		case lost != nil:
			claim.version = version
			return claim, nil
		case errors.Is(err, ErrNotFound):
			version = 0
		case err != nil:
			return nil, unavailable(err)
		default:
			was := decode(found)
			if done, err := k.judge(was, ask); err != nil {
				return nil, err
			} else if done {
				claim.record, claim.replay = was, true
				return claim, nil
			}
		}
		claim.version, err = k.save(ctx, claim.name, claim.record, version)
		if err == nil {
			return claim, nil
		}
		if !errors.Is(err, ErrConflict) {
			lost = err // a claim that nobody knows of would keep the key until its call counts as over
		}
	}
	return nil, inUse("another call with this idempotency key has just begun; try again in a moment").RetryAfter(time.Second)
}

func (k *Keeper) load(ctx context.Context, name string) ([]byte, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return k.store.Load(ctx, name)
}

func (k *Keeper) save(ctx context.Context, name string, r record, version uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	return k.store.Save(ctx, name, r.encode(), version)
}

// judge says what an earlier record means to a call: its answer is given (true),
// the call is refused, or the record may be replaced.
func (k *Keeper) judge(was record, ask Ask) (replay bool, err error) {
	if was.fingerprint != ask.Fingerprint {
		return false, fault.Exists(fault.ReasonIdempotencyKeyReused,
			"this idempotency key was used for another operation or with another input; use a new key for a new call")
	}
	switch was.state {
	case answered:
		return true, nil
	case answeredAtLength:
		return false, settled("answered", "the call with this idempotency key was made and answered, but the answer was too long to keep; look up what it did instead of repeating it")
	case underWay:
		if left := was.deadline.Add(grace).Sub(k.clock.Now()); left > 0 {
			return false, inUse("a call with this idempotency key is under way; try again after the given time to get its answer").
				With("outcome", "pending").RetryAfter(min(left, maxWait))
		}
	case unknown, made:
	}
	if was.repeatable {
		return false, nil
	}
	if was.state == made {
		return false, decodeFailure(was.answer).told()
	}
	return false, settled("unknown", "the call with this idempotency key may or may not have happened, its answer was lost; look before you make it again with a new key")
}

func inUse(message string) *fault.Error {
	return fault.Aborted(fault.ReasonIdempotencyKeyInUse, "%s", message)
}

// settled is for what no waiting changes.
func settled(outcome, message string) *fault.Error {
	return fault.Precondition(fault.ReasonIdempotencyKeyInUse, "%s", message).With("outcome", outcome)
}

func unavailable(err error) error {
	return fault.Unavailable(fault.ReasonServiceUnavailable,
		"what became of earlier calls with this idempotency key cannot be looked up just now; nothing was called, try again").Because(err)
}
