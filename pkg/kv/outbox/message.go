package outbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Limits of a message. Data and header together stay below the 1 MiB that a
// NATS server accepts by default, with room for its own protocol lines.
const (
	// MaxID is the greatest length of an id in bytes.
	MaxID = 256
	// MaxSubject is the greatest length of a subject in bytes.
	MaxSubject = 512
	// MaxData is the greatest length of the data in bytes.
	MaxData = 960 << 10
	// MaxHeader is the greatest length of all header names and values together,
	// in bytes.
	MaxHeader = 32 << 10
)

// ErrInvalid says that a message lacks an id or a subject, or exceeds a limit.
var ErrInvalid = errors.New("invalid message")

// Message is what is to be published. The holder owns its slices and maps.
type Message struct {
	// ID tells messages apart: a consumer, or the bus itself, takes two messages
	// with one id for the same. It has 1 to MaxID bytes.
	ID string
	// Subject says where the message goes. It has 1 to MaxSubject bytes.
	Subject string
	// Data is the payload, of at most MaxData bytes.
	Data []byte
	// Header is sent beside the data; nil is the same as empty.
	Header map[string]string
}

// check returns an ErrInvalid for a message outside the limits.
func (m Message) check() error {
	header := 0
	for name, value := range m.Header {
		if name == "" {
			return fmt.Errorf("%w: a header has no name", ErrInvalid)
		}
		header += len(name) + len(value)
	}
	for _, part := range []struct {
		name             string
		size, least, max int
	}{
		{"id", len(m.ID), 1, MaxID},
		{"subject", len(m.Subject), 1, MaxSubject},
		{"data", len(m.Data), 0, MaxData},
		{"header", header, 0, MaxHeader},
	} {
		if part.size < part.least || part.size > part.max {
			return fmt.Errorf("%w: the %s has %d bytes, want %d to %d", ErrInvalid, part.name, part.size, part.least, part.max)
		}
	}
	return nil
}

// recordVersion is the first byte of a stored message. Version 1 goes on with
// id, subject, data, and then the names and values of the headers in order of
// the names, each as its length (unsigned varint) and its bytes.
const recordVersion = 1

// errRecord says that a stored message cannot be read.
var errRecord = errors.New("unreadable outbox record")

// encode returns the record of m.
func encode(m Message) []byte {
	b := make([]byte, 0, 64+len(m.ID)+len(m.Subject)+len(m.Data))
	b = append(b, recordVersion)
	b = appendField(b, m.ID)
	b = appendField(b, m.Subject)
	b = appendField(b, m.Data)
	for _, name := range slices.Sorted(maps.Keys(m.Header)) {
		b = appendField(b, name)
		b = appendField(b, m.Header[name])
	}
	return b
}

func appendField[T string | []byte](b []byte, field T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(field))), field...)
}

// decode returns the message of a record. Its data is part of b.
func decode(b []byte) (Message, error) {
	if len(b) == 0 || b[0] != recordVersion {
		return Message{}, fmt.Errorf("%w: unknown version", errRecord)
	}
	f := fields{rest: b[1:]}
	m := Message{ID: string(f.next()), Subject: string(f.next()), Data: f.next()}
	for len(f.rest) > 0 && !f.short {
		if m.Header == nil {
			m.Header = map[string]string{}
		}
		name := string(f.next())
		m.Header[name] = string(f.next())
	}
	if f.short {
		return Message{}, fmt.Errorf("%w: it is cut short", errRecord)
	}
	return m, nil
}

// fields reads one field after the other. Once one is cut short, all further
// ones are empty.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) next() []byte {
	size, n := binary.Uvarint(f.rest)
	if f.short || n <= 0 || size > uint64(len(f.rest)-n) {
		f.short = true
		return nil
	}
	end := n + int(size)
	field := f.rest[n:end:end]
	f.rest = f.rest[end:]
	return field
}
