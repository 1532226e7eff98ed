package idempotency

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Failure is what is known of a call that was made, and then failed on our side.
type Failure struct {
	// Status is the HTTP status by which the API answered the call; 0 if it was custom
	// code that had sent something, and had it answered.
	Status int
	// Reason is why it failed then.
	Reason fault.Reason
}

func (f Failure) encode() []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(f.Status)), f.Reason...)
}

// decodeFailure reads what encode has written; nothing is known of anything else.
func decodeFailure(b []byte) (f Failure) {
	if len(b) < 2 {
		return f
	}
	return Failure{Status: int(binary.BigEndian.Uint16(b)), Reason: fault.Reason(b[2:])}
}

// told is what later calls with the key are told.
func (f Failure) told() *fault.Error {
	how := "custom code had sent something for it, and had it answered"
	if f.Status != 0 {
		how = fmt.Sprintf("the API answered it with %d", f.Status)
	}
	then := ""
	if f.Reason != "" {
		then = fmt.Sprintf("; then it failed with %s", f.Reason)
	}
	out := settled("made", "the call with this idempotency key was made, and "+how+then+"; look at what it did before you make it again with a new key")
	if f.Status != 0 {
		out = out.With("upstream_status", strconv.Itoa(f.Status))
	}
	if f.Reason != "" {
		out = out.With("failed_with", string(f.Reason))
	}
	return out
}
