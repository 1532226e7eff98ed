package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// An audit record is stored as its proof and what is proved, the body:
//
//	version   1 byte
//	recorded  8 bytes, big-endian: nanoseconds since 1970
//	action    uvarint
//	time      varint seconds since 1970, uvarint nanoseconds
//	first     likewise
//	count     uvarint
//	texts     connection, OAuth client, principal, service, operation, host, since
//	          version 3 the reason: each a uvarint length and the bytes
//	secrets   uvarint number, and each like a text
//
// There is one way to write a record, so its bytes are what is proved. A change
// that an older program would misread gets another version.
const auditVersion = 3

// oldestAuditVersion is the first version that is still read.
const oldestAuditVersion = 2

// recordedAt is where in a body the time of recording is.
const recordedAt = 1

// headerSize is the length of what comes before the action.
const headerSize = recordedAt + 8

var errAuditRecord = errors.New("the record is damaged")

// entry is a record on its way into the chain.
type entry struct {
	body       []byte
	time       time.Time
	connection string // id, for the index; empty for none
}

func newEntry(r core.AuditRecord) entry {
	b := make([]byte, headerSize, 192)
	b[0] = auditVersion
	b = binary.AppendUvarint(b, uint64(r.Action))
	b = appendTime(b, r.Time)
	b = appendTime(b, r.FirstTime)
	b = binary.AppendUvarint(b, uint64(r.Count))
	for _, text := range [...]string{r.Connection.ID, r.OAuthClient, r.Principal, r.Service, r.OperationID, r.Host, r.NotRevokedReason} {
		b = appendText(b, text)
	}
	b = binary.AppendUvarint(b, uint64(len(r.SecretNames)))
	for _, name := range r.SecretNames {
		b = appendText(b, name)
	}
	return entry{body: b, time: r.Time, connection: r.Connection.ID}
}

// stamp says when the record is added.
func (e *entry) stamp(recorded int64) {
	binary.BigEndian.PutUint64(e.body[recordedAt:], uint64(recorded))
}

// value is what is stored.
func (e *entry) value(proof chain.Proof) []byte {
	v := make([]byte, 0, len(proof)+len(e.body))
	return append(append(v, proof[:]...), e.body...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

func appendTime(b []byte, t time.Time) []byte {
	return binary.AppendUvarint(binary.AppendVarint(b, t.Unix()), uint64(t.Nanosecond()))
}

// split takes a stored record apart.
func split(value []byte) (proof chain.Proof, body []byte, err error) {
	if len(value) < chain.Size+headerSize {
		return proof, nil, errAuditRecord
	}
	body = value[chain.Size:]
	if body[0] < oldestAuditVersion || body[0] > auditVersion {
		return proof, nil, fmt.Errorf("the record has version %d and this program reads versions %d to %d; run the program that wrote it, or a newer one",
			body[0], oldestAuditVersion, auditVersion)
	}
	return chain.Proof(value[:chain.Size]), body, nil
}

// recordedOf returns when a stored record was added.
func recordedOf(body []byte) int64 { return int64(binary.BigEndian.Uint64(body[recordedAt:])) }

// decodeAudit reads a stored record.
func decodeAudit(environment string, sequence uint64, value []byte) (core.AuditRecord, error) {
	proof, body, err := split(value)
	if err != nil {
		return core.AuditRecord{}, err
	}
	f := fields{rest: body[headerSize:]}
	r := core.AuditRecord{Sequence: sequence, Proof: proof.String(), Connection: resource.Connection{Environment: environment}}
	r.Action = core.AuditAction(f.number())
	r.Time, r.FirstTime = f.time(), f.time()
	r.Count = int64(f.number())
	for _, text := range [...]*string{&r.Connection.ID, &r.OAuthClient, &r.Principal, &r.Service, &r.OperationID, &r.Host} {
		*text = f.text()
	}
	if body[0] >= 3 {
		r.NotRevokedReason = f.text()
	}
	for n := f.number(); n > 0 && !f.bad; n-- {
		r.SecretNames = append(r.SecretNames, f.text())
	}
	if f.bad || len(f.rest) > 0 {
		return core.AuditRecord{}, errAuditRecord
	}
	return r, nil
}

// fields reads the parts of a body one after the other. After the first that is
// damaged, all are empty.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) number() uint64 {
	n, size := binary.Uvarint(f.rest)
	return n * f.took(size)
}

func (f *fields) time() time.Time {
	seconds, size := binary.Varint(f.rest)
	seconds *= int64(f.took(size))
	nanoseconds := f.number()
	if nanoseconds >= uint64(time.Second) {
		f.fail()
	}
	if f.bad {
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

func (f *fields) text() string {
	size := f.number()
	if size > uint64(len(f.rest)) {
		f.fail()
		return ""
	}
	text := string(f.rest[:size])
	f.rest = f.rest[size:]
	return text
}

// took goes on behind a number of so many bytes, and returns 0 if there is none.
func (f *fields) took(size int) uint64 {
	if size <= 0 {
		f.fail()
		return 0
	}
	f.rest = f.rest[size:]
	return 1
}

func (f *fields) fail() { f.rest, f.bad = nil, true }
