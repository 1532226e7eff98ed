package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Parent and worker exchange frames: one byte of kind, the lengths of a head and
// of two bodies (32 bits each, big-endian), then these three. The head is JSON;
// bodies are bytes as they are.
const (
	frameHello   = 'h' // worker: confined and ready; head is Isolation
	frameRun     = 'r' // parent: one call; head is runHead, bodies those of its messages
	frameNeed    = 'n' // worker: the program's source, please
	frameProgram = 'p' // parent: the source, as first body
	frameCall    = 'c' // worker: a question to the host; head is callHead
	frameReply   = 'a' // parent: the host's answer; head is replyHead
	frameDone    = 'd' // worker: the end of the call; head is doneHead
)

// frameHeader is the length of what comes before the head.
const frameHeader = 13

// maxHead bounds the head of a frame: URLs, headers, log, state values.
const maxHead = 8 << 20

// frame is one message.
type frame struct {
	kind   byte
	head   []byte
	bodies [2][]byte
}

// errFrameTooLarge tells of a frame over the receiver's limits. What follows on
// the pipe cannot be understood any more.
var errFrameTooLarge = errors.New("a frame is longer than allowed")

// writeFrame writes the frame; the head is marshalled, unless it is nil.
func writeFrame(w io.Writer, kind byte, head any, bodies ...[]byte) error {
	var text []byte
	if head != nil {
		var err error
		if text, err = json.Marshal(head); err != nil {
			return fmt.Errorf("write the head of a frame: %w", err)
		}
	}
	start := make([]byte, frameHeader, frameHeader+len(text))
	start[0] = kind
	binary.BigEndian.PutUint32(start[1:], uint32(len(text)))
	for i, b := range bodies {
		binary.BigEndian.PutUint32(start[5+4*i:], uint32(len(b)))
	}
	if _, err := w.Write(append(start, text...)); err != nil {
		return fmt.Errorf("write a frame: %w", err)
	}
	for _, b := range bodies {
		if len(b) == 0 {
			continue
		}
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("write the body of a frame: %w", err)
		}
	}
	return nil
}

// readFrame reads the next frame, each body of which may have maxBody bytes. A
// pipe that ended between frames is [io.EOF].
func readFrame(r io.Reader, maxBody int64) (frame, error) {
	var start [frameHeader]byte
	if _, err := io.ReadFull(r, start[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: start[0]}
	lengths := [3]uint32{}
	for i := range lengths {
		lengths[i] = binary.BigEndian.Uint32(start[1+4*i:])
	}
	if lengths[0] > maxHead || int64(max(lengths[1], lengths[2])) > maxBody {
		return f, errFrameTooLarge
	}
	parts := [3][]byte{}
	for i, n := range lengths {
		if n == 0 {
			continue
		}
		parts[i] = make([]byte, n)
		if _, err := io.ReadFull(r, parts[i]); err != nil {
			return frame{}, fmt.Errorf("read a frame: %w", err)
		}
	}
	f.head, f.bodies[0], f.bodies[1] = parts[0], parts[1], parts[2]
	return f, nil
}

// Numbers of the bodies that a call begins with; later ones count on from there.
// Zero is no body.
const (
	bodyRequest  = 1
	bodyResponse = 2
)

// runHead begins a call, or a check where Function is empty.
type runHead struct {
	Program  string          `json:"program"` // key of the program
	Function Function        `json:"function,omitempty"`
	Input    json.RawMessage `json:"input,omitempty"` // inputHead, for the script
	Limits   Limits          `json:"limits"`
}

// inputHead is what a script's function is called with.
type inputHead struct {
	Request      messageHead  `json:"request"`
	Response     *messageHead `json:"response,omitempty"`
	OperationID  string       `json:"operationId"`
	ConnectionID string       `json:"connectionId"`
}

// messageHead is a request or a response without its body.
type messageHead struct {
	Method      string      `json:"method,omitempty"`
	URL         string      `json:"url,omitempty"`
	Status      int         `json:"status,omitempty"`
	Headers     [][2]string `json:"headers"`
	OperationID string      `json:"operationId,omitempty"`
	Body        int         `json:"body,omitempty"` // number, on the way to the script
}

// callHead is a question to the host.
type callHead struct {
	Name     string          `json:"name"`
	Argument json.RawMessage `json:"argument"`
	// Kept is the number of a body that the parent has already, in the place of
	// the first body.
	Kept int `json:"kept,omitempty"`
}

// argument is what the questions hold, each of them some of it.
type argument struct {
	Name      string          `json:"name"`
	Path      string          `json:"path"`
	Key       string          `json:"key"`
	Value     json.RawMessage `json:"value"`
	Algorithm string          `json:"algorithm"`
	Keyed     bool            `json:"keyed"`
	Encoding  Encoding        `json:"encoding"`
	Text      string          `json:"text"`
}

// replyHead is the host's answer. Stop ends the call instead.
type replyHead struct {
	Error *string         `json:"error,omitempty"`
	Value json.RawMessage `json:"value,omitempty"`
	Stop  bool            `json:"stop,omitempty"`
}

// doneHead ends a call.
type doneHead struct {
	Exports Exports         `json:"exports"`
	Outcome string          `json:"outcome,omitempty"` // "request" or "response"
	Message json.RawMessage `json:"message,omitempty"` // messageHead
	Kept    int             `json:"kept,omitempty"`
	Failure *failure        `json:"failure,omitempty"`
	Logs    []Line          `json:"logs,omitempty"`
	Dropped int             `json:"dropped,omitempty"`
	// Retire: the process is not to be used again.
	Retire bool `json:"retire,omitempty"`
}

// failure is an [Error] on the wire.
type failure struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name,omitempty"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Stack   string `json:"stack,omitempty"`
	Limit   string `json:"limit,omitempty"`
	Allowed int64  `json:"allowed,omitempty"`
}
