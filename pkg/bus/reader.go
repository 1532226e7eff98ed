package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The headers of an answer to a request for many messages (NATS ADR-31).
const (
	headerStatus  = "Status"
	headerPending = "Nats-Num-Pending"
	statusEnd     = "204"
	statusNone    = "404"
)

// Reader reads the messages of one subject directly from their stream, many with one
// request, which the client library cannot. It is not safe for concurrent use.
type Reader struct {
	conn             *nats.Conn
	answers          *nats.Subscription
	inbox            string
	request, subject string
	asked            int
}

// NewReader returns a reader on a stream that allows direct reading. The caller closes
// it.
func NewReader(conn *nats.Conn, stream, subject string) (*Reader, error) {
	inbox := conn.NewRespInbox()
	answers, err := conn.SubscribeSync(inbox + ".*")
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", stream, err)
	}
	return &Reader{conn: conn, answers: answers, inbox: inbox, request: "$JS.API.DIRECT.GET." + stream, subject: subject}, nil
}

// Close ends the reading.
func (r *Reader) Close() {
	_ = r.answers.Unsubscribe() // fails only where the connection has ended
}

// Next returns up to limit messages from a sequence on, in their order, and whether
// there were more: it stops early after a message with which they have size bytes.
func (r *Reader) Next(ctx context.Context, from uint64, limit, size int) (found []*jetstream.RawStreamMsg, more bool, err error) {
	r.asked++
	reply := r.inbox + "." + strconv.Itoa(r.asked)
	ask, err := json.Marshal(struct {
		Seq   uint64 `json:"seq"`
		Next  string `json:"next_by_subj"`
		Batch int    `json:"batch"`
		Bytes int    `json:"max_bytes"`
	}{max(from, 1), r.subject, limit, size})
	if err == nil {
		err = r.conn.PublishRequest(r.request, reply, ask)
	}
	for err == nil {
		var m *nats.Msg
		if m, err = r.answers.NextMsgWithContext(ctx); err != nil || m.Subject != reply {
			continue // of a request that was given up
		}
		switch status := m.Header.Get(headerStatus); status {
		case "":
			var one *jetstream.RawStreamMsg
			if one, err = readDirect(m); err == nil {
				found = append(found, one)
			}
		case statusNone:
			return nil, false, nil
		case statusEnd:
			pending := m.Header.Get(headerPending)
			return found, pending != "0" && pending != "", nil
		default:
			err = fmt.Errorf("the server answered %s %s", status, m.Header.Get("Description"))
		}
	}
	return nil, false, fmt.Errorf("read messages of %s: %w", r.subject, err)
}

// readDirect makes a stored message of an answer.
func readDirect(m *nats.Msg) (*jetstream.RawStreamMsg, error) {
	sequence, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", jetstream.SequenceHeader, err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return nil, fmt.Errorf("header %s: %w", jetstream.TimeStampHeaer, err)
	}
	return &jetstream.RawStreamMsg{Subject: m.Header.Get(jetstream.SubjectHeader), Sequence: sequence, Header: m.Header, Data: m.Data, Time: at}, nil
}
