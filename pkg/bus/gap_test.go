package bus

import (
	"errors"
	"log/slog"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// numbered is an announcement with a number that the server gave it.
type numbered struct {
	jetstream.Msg
	number uint64
}

func (m numbered) Metadata() (*jetstream.MsgMetadata, error) {
	return &jetstream.MsgMetadata{Sequence: jetstream.SequencePair{Consumer: m.number}}, nil
}
func (m numbered) Subject() string { return ChangeSubject(ChangeGrant, "prod", "g") }
func (m numbered) Data() []byte    { return nil }

func TestAMissingNumberIsAGapAndNothingIsDeliveredPastIt(t *testing.T) {
	b := &Bus{log: slog.New(slog.DiscardHandler)}
	for _, row := range []struct {
		name      string
		number    uint64
		delivered int
		err       error
	}{
		{"the next number", 7, 1, nil},
		{"one was lost", 8, 0, errGap},
		{"one came twice", 6, 0, errGap},
	} {
		t.Run(row.name, func(t *testing.T) {
			delivered := 0
			err := b.deliver(numbered{number: row.number}, 7, func(Change) { delivered++ })
			if !errors.Is(err, row.err) || delivered != row.delivered {
				t.Errorf("deliver() = %v with %d calls, want %v with %d", err, delivered, row.err, row.delivered)
			}
		})
	}
}
