// Package outbox publishes what has been committed: a state change and the
// message that announces it are written in one transaction, and a relay hands
// the messages to a publisher afterwards. So there is no message without its
// change, and no change without its message, wherever a crash comes between.
//
// [Put] writes a [Message] inside the caller's transaction. One [Relay] per
// store reads them in the order of their commits, gives each to the
// [Publisher], and removes it when that has succeeded. A crash between the two
// publishes it again after the restart, with the same id: delivery is at least
// once, and the id makes it once for whoever looks at it.
//
//	relay := outbox.NewRelay(store, bus, log, clock.System())
//	go relay.Run(ctx)
//	...
//	err := store.Update(ctx, func(tx kv.Tx) error {
//		if err := tx.Put(key, record); err != nil {
//			return err
//		}
//		return outbox.Put(tx, outbox.Message{ID: id, Subject: "ferrule.change.connector", Data: change})
//	})
//	relay.Notify()
package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// Prefix starts every key of the outbox. Nothing else in the store may use it.
const Prefix = "outbox/"

const (
	// messagePrefix goes before the number of a message, eight bytes big-endian,
	// so that the order of the keys is that of the numbers.
	messagePrefix = Prefix + "message/"

	// lastKey holds the number of the last message that was ever put, eight
	// bytes big-endian.
	lastKey = Prefix + "last"
)

// Put writes m into the outbox, to be published if and when tx commits.
// Messages are published in the order in which their transactions commit, and
// those of one transaction in the order of the calls. A message outside the
// limits is ErrInvalid. Put copies m.
//
// After the commit the caller calls [Relay.Notify].
func Put(tx kv.Tx, m Message) error {
	if err := m.check(); err != nil {
		return fmt.Errorf("put message into outbox: %w", err)
	}
	last, err := lastNumber(tx)
	if err != nil {
		return fmt.Errorf("put message into outbox: %w", err)
	}
	number := binary.BigEndian.AppendUint64(nil, last+1)
	if err := tx.Put([]byte(lastKey), number); err != nil {
		return fmt.Errorf("count message in outbox: %w", err)
	}
	if err := tx.Put(append([]byte(messagePrefix), number...), encode(m)); err != nil {
		return fmt.Errorf("put message into outbox: %w", err)
	}
	return nil
}

// lastNumber counts in the store, and not by what is stored: the numbers of
// messages that have been published must not come again, for the relay may
// still be about to remove them.
func lastNumber(tx kv.Tx) (uint64, error) {
	b, err := tx.Get([]byte(lastKey))
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: the counter has %d bytes", errRecord, len(b))
	}
	return binary.BigEndian.Uint64(b), nil
}
