package core

import (
	"context"
	"time"
)

// KeyLevel is which keys are exchanged.
type KeyLevel int

const (
	// KeyLevelAll means both.
	KeyLevelAll KeyLevel = iota
	// KeyLevelMaster is the key-encryption key.
	KeyLevelMaster
	// KeyLevelData is the data keys of environments.
	KeyLevelData
)

// RotationState is how far a rotation has come.
type RotationState int

const (
	// RotationUnspecified is no state.
	RotationUnspecified RotationState = iota
	// RotationRunning means that it goes on, also after a restart.
	RotationRunning
	// RotationSucceeded means that nothing needs the old keys, and that they are
	// gone.
	RotationSucceeded
	// RotationFailed means that it stopped. Old and new keys are there, and both
	// decrypt.
	RotationFailed
)

// LatestRotation is the id that stands for the newest rotation.
const LatestRotation = "latest"

// Rotation is one exchange of keys, as it is stored after each of its steps.
type Rotation struct {
	// ID is different for every rotation.
	ID string
	// Change counts the writes of it, from 1.
	Change uint64
	// Level is which keys are exchanged.
	Level KeyLevel
	// Environment is the one whose data keys are exchanged; empty for all.
	Environment string
	// State is how far it has come.
	State RotationState
	// Done is how many records have been encrypted anew, and Total how many there
	// were when it began. Records that came later count in both.
	Done, Total int64
	// Reason is why it stopped or what it has to wait for, one sentence; empty if
	// all is well.
	Reason string
	// Principal is who began it.
	Principal string
	// OldMaster and Master are the ids of the key-encryption key before and now.
	OldMaster, Master string
	// CreateTime is when it began, EndTime when it ended; zero while it runs.
	CreateTime, EndTime time.Time

	// Step is the next thing to do.
	Step RotationStep
	// Lease keeps the others from doing it.
	Lease RotationLease
	// Failures counts the failed attempts since the last step that was made.
	Failures int
}

// RotationStep is a place in the course of a rotation.
type RotationStep struct {
	// Phase is what is being done.
	Phase RotationPhase
	// Environment is where; empty before the first one.
	Environment string
	// Version is that of the keyset of the environment when the phase began there.
	Version uint64
	// After is the record after which to go on; empty to begin at the first.
	After string
	// Until is when the phase ends that waits.
	Until time.Time
}

// RotationLease is who works on a rotation.
type RotationLease struct {
	// Holder is a random id, different for each attempt; empty if nobody.
	Holder string
	// Until is when somebody else may go on.
	Until time.Time
}

// RotationPhase is a part of a rotation. Every phase can be repeated from its
// beginning.
type RotationPhase int

// The phases, in their order.
const (
	// PhaseRenewMaster makes a new version of the key-encryption key.
	PhaseRenewMaster RotationPhase = iota
	// PhaseKeysets encrypts the keysets with it, one environment at a time.
	PhaseKeysets
	// PhaseAddKeys makes a new data key for each environment.
	PhaseAddKeys
	// PhaseRewrap encrypts anew what is sealed directly under an environment.
	PhaseRewrap
	// PhaseSettle waits until nobody can store any more what he encrypted with an
	// old key.
	PhaseSettle
	// PhaseRetireMaster forgets the old versions of the key-encryption key.
	PhaseRetireMaster
	// PhaseVerify repeats PhaseRewrap until it finds nothing to do in an
	// environment, and then destroys its old data keys.
	PhaseVerify
	// PhaseEnd is the end.
	PhaseEnd
)

// RotationStore keeps rotations, and finds what is sealed under data keys. Each
// method is one transaction. Implementations are safe for concurrent use.
type RotationStore interface {
	// Rotation returns a rotation, or [ErrNotFound]. The id [LatestRotation] is the
	// one that was added last.
	Rotation(ctx context.Context, id string) (Rotation, error)
	// SaveRotation stores what a rotation has become. It returns [ErrChanged] and
	// stores nothing unless the stored one has exactly one change less. One with
	// change 1 is new and becomes the latest; it is ErrChanged if the latest is
	// running.
	SaveRotation(ctx context.Context, r Rotation) error

	// CountSealed returns how many records have something that is sealed directly
	// under an environment.
	CountSealed(ctx context.Context, environment string) (int64, error)
	// Rewrap gives what is sealed directly under an environment to k, of the records
	// that q asks for, and stores the results together. What belongs to a connection
	// counts as a silent change of it: whoever has read the connection before has to
	// read it again to write it. A connection that gets its first key waits for the
	// end of a renewal that is under way: it counts as changed, and is not.
	Rewrap(ctx context.Context, q RewrapQuery, k Rewrapper) (RewrapPage, error)
}

// RewrapQuery says which records are encrypted anew.
type RewrapQuery struct {
	// Environment is the id of the environment.
	Environment string
	// After is the record after which to go on; empty to begin at the first.
	After string
	// Limit is the most that are looked at.
	Limit int
	// Now tells which renewals have not ended in time and never will.
	Now time.Time
}

// RewrapPage is what one call of Rewrap has done.
type RewrapPage struct {
	// Next is the record to continue after; empty at the end.
	Next string
	// Seen is how many records were looked at, Changed how many are different now.
	Seen, Changed int64
	// Unreadable are the keys of those that somebody has changed in the store, and that
	// were left as they are.
	Unreadable []string
}

// master reports whether the key-encryption key is exchanged.
func (l KeyLevel) master() bool { return l == KeyLevelAll || l == KeyLevelMaster }

// data reports whether data keys are exchanged.
func (l KeyLevel) data() bool { return l == KeyLevelAll || l == KeyLevelData }

// skips reports whether a rotation has nothing to do in a phase.
func (r Rotation) skips(p RotationPhase) bool {
	switch p {
	case PhaseRenewMaster, PhaseKeysets, PhaseRetireMaster:
		return !r.Level.master()
	case PhaseAddKeys, PhaseRewrap, PhaseVerify:
		return !r.Level.data()
	case PhaseSettle:
		// A key management service keeps its old versions: nothing is destroyed.
		return !r.Level.data() && r.Master == r.OldMaster
	case PhaseEnd:
	}
	return false
}

// enter begins the first phase from p on that has something to do.
func (r *Rotation) enter(p RotationPhase, now time.Time) {
	for r.skips(p) {
		p++
	}
	r.Step = RotationStep{Phase: p}
	switch p {
	case PhaseSettle:
		r.Step.Until = now.Add(rotationSettle)
		// Command lines tell by the first words that nobody needs to wait with it.
		r.Reason = "all keys are exchanged; it waits until no request can use an old one any more, and destroys the old ones at " +
			r.Step.Until.UTC().Format(time.TimeOnly) + " UTC"
	case PhaseEnd:
		r.State, r.EndTime, r.Lease = RotationSucceeded, now, RotationLease{}
	case PhaseRenewMaster, PhaseKeysets, PhaseAddKeys, PhaseRewrap, PhaseRetireMaster, PhaseVerify:
	}
}

// count adds records that have been encrypted anew.
func (r *Rotation) count(n int64) {
	r.Done += n
	r.Total = max(r.Total, r.Done)
}
