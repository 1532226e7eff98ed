package sandbox

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"modernc.org/quickjs"
)

// bridge is the one function through which the prelude reaches the process, and
// the state of the call behind it. Only overrun is touched by a second goroutine.
type bridge struct {
	vm      *quickjs.VM
	call    call
	meter   *meter
	overrun atomic.Bool

	bodies  [][]byte     // by number less one
	loose   map[int]bool // bodies that were handed over for one question
	held    int64        // bytes of the bodies that came up in the call
	exports Exports
	calling bool // the function is running, not the top level
	stopped bool // the parent ended the call

	logs     []Line
	logBytes int
	dropped  int

	outcome string
	message string
	body    int
	failure *failure
}

// errStopped is what a stopped script would see, were it not interrupted.
var errStopped = errors.New("the call was stopped")

// begin sets the call that the realm is for.
func (b *bridge) begin(c call) {
	b.call = c
	b.bodies = [][]byte{c.bodies[0], c.bodies[1]}
}

// over tells that a result or a failure is there, or that the script was stopped.
func (b *bridge) over() bool {
	return b.failure != nil || b.outcome != "" || b.stopped || b.overrun.Load()
}

// end returns how the call ended, and the body of its result unless the parent
// has it.
func (b *bridge) end() (doneHead, []byte) {
	done := doneHead{Exports: b.exports, Logs: b.logs, Dropped: b.dropped, Failure: b.failure}
	limits := b.call.head.Limits
	switch {
	case b.outcome != "":
		done.Failure, done.Outcome, done.Message = nil, b.outcome, json.RawMessage(b.message)
		if b.body <= bodyResponse {
			done.Kept = b.body
			return done, nil
		}
		return done, b.bodies[b.body-1]
	case b.overrun.Load():
		// Whatever was thrown meanwhile is what an interrupt looks like.
		done.Failure = timeFailure(limits.Time)
	case b.failure == nil && b.call.head.Function != "":
		done.Failure = &failure{Kind: KindThrown, Message: "the function waits for a promise that nothing will settle"}
	}
	return done, nil
}

// dispatch is called by the prelude: the first argument names what it wants.
func (b *bridge) dispatch(args []any) (any, error) {
	operation, _ := arg[string](args, 0)
	switch operation {
	case "text":
		body, err := b.bodyOf(args, 1)
		return strings.ToValidUTF8(string(body), string(utf8.RuneError)), err
	case "bytes":
		body, err := b.bodyOf(args, 1)
		return base64.StdEncoding.EncodeToString(body), err
	case "put":
		text, err := arg[string](args, 1)
		return b.hand([]byte(text), err)
	case "putBytes":
		bytes, err := decoded(args, 1)
		return b.hand(bytes, err)
	case "encodeText":
		text, err := arg[string](args, 1)
		return base64.StdEncoding.EncodeToString([]byte(text)), err
	case "decodeText":
		bytes, err := decoded(args, 1)
		return strings.ToValidUTF8(string(bytes), string(utf8.RuneError)), err
	case "random":
		return random(args)
	case "fraction":
		var eight [8]byte
		_, err := rand.Read(eight[:])
		return float64(binary.LittleEndian.Uint64(eight[:])>>11) / (1 << 53), err
	case "parseXML":
		text, err := arg[string](args, 1)
		return parseXML(text), err
	case "call":
		return b.askHost(args)
	default:
		return nil, b.dispatchCall(operation, args)
	}
}

// dispatchCall does what changes the call and has no answer.
func (b *bridge) dispatchCall(operation string, args []any) error {
	switch operation {
	case "log":
		level, _ := arg[string](args, 1)
		text, err := arg[string](args, 2)
		b.log(Level(level), text)
		return err
	case "exports":
		mask, err := arg[int](args, 1)
		b.exports = Exports{Before: mask&1 != 0, After: mask&2 != 0, Handle: mask&4 != 0}
		return err
	case "done":
		return b.done(args)
	case "fail":
		name, _ := arg[string](args, 1)
		message, _ := arg[string](args, 2)
		stack, err := arg[string](args, 3)
		b.fail(b.describe(KindThrown, name, message, stack))
		return err
	default:
		return fmt.Errorf("the bridge knows no %q", operation)
	}
}

// done notes the result.
func (b *bridge) done(args []any) error {
	outcome, _ := arg[string](args, 1)
	message, _ := arg[string](args, 2)
	body, err := arg[int](args, 3)
	if err != nil || body < 0 || body > len(b.bodies) {
		return errors.New("the result has no such body")
	}
	if b.failure == nil && b.outcome == "" {
		b.outcome, b.message, b.body = outcome, message, body
	}
	return nil
}

// askHost sends a question and waits; the script's time stands still meanwhile.
func (b *bridge) askHost(args []any) (any, error) {
	if !b.calling {
		return nil, errors.New("the host can be asked within before, after and handle only, not at the top level")
	}
	name, _ := arg[string](args, 1)
	argument, err := arg[string](args, 2)
	if err != nil {
		return nil, err
	}
	head := callHead{Name: name, Argument: json.RawMessage(argument)}
	var bodies [2][]byte
	for i := range bodies {
		number, err := arg[int](args, 3+i)
		if err != nil || number < 0 || number > len(b.bodies) {
			return nil, errors.New("the question has no such body")
		}
		switch {
		case number == 0:
		case i == 0 && number <= bodyResponse:
			head.Kept = number
		default:
			bodies[i] = b.bodies[number-1]
		}
	}
	resume := b.meter.pause()
	reply, body, goOn := b.call.ask(head, bodies)
	resume()
	for i := range bodies {
		// The prelude hands a body over anew for each question.
		if number, _ := arg[int](args, 3+i); b.loose[number] {
			b.held -= int64(len(b.bodies[number-1]))
			b.bodies[number-1] = nil
		}
	}
	if !goOn {
		return nil, b.stop()
	}
	return b.answer(reply, body)
}

// answer is the host's answer as the prelude reads it.
func (b *bridge) answer(reply replyHead, body []byte) (any, error) {
	number := 0
	if reply.Error == nil {
		var err error
		if number, err = b.add(body); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(struct {
		Error *string         `json:"error,omitempty"`
		Value json.RawMessage `json:"value,omitempty"`
		Body  int             `json:"body"`
	}{reply.Error, reply.Value, number})
	return string(text), err
}

// A line of a log is cut at that many bytes, so that one that is long leaves room for
// others, and says so at its end.
const (
	maxLogLine = 8 << 10
	logCut     = "… [cut]"
)

// log keeps a line, or what fits of it.
func (b *bridge) log(level Level, text string) {
	limits := b.call.head.Limits
	room := min(limits.LogBytes-b.logBytes, maxLogLine)
	if len(b.logs) >= limits.LogLines || room < min(len(text), len(logCut)) || room <= 0 {
		b.dropped++
		return
	}
	if len(text) > room {
		text = clipped(text, room-len(logCut)) + logCut
	}
	b.logBytes += len(text)
	b.logs = append(b.logs, Line{Level: level, Text: text})
}

// failed notes an error of the engine.
func (b *bridge) failed(kind Kind, err error) {
	if e, ok := errors.AsType[*quickjs.Error](err); ok {
		message := e.Message
		if e.Name == "" && message == "" {
			message = e.Error() // something that is no Error was thrown
		}
		f := b.describe(kind, e.Name, message, e.Stack)
		if f.Line == 0 && e.FileName == makersFile {
			f.Line, f.Column = e.LineNumber, e.ColumnNumber
		}
		b.fail(f)
		return
	}
	b.fail(failure{Kind: kind, Message: clipped(err.Error(), maxMessage)})
}

// fail notes the first failure.
func (b *bridge) fail(f failure) {
	if b.failure == nil && b.outcome == "" {
		b.failure = &f
	}
}

// add keeps a body and returns its number. Bodies do not count as the engine's
// memory, and so they are bounded for themselves, by the same limit.
func (b *bridge) add(body []byte) (int, error) {
	if b.held += int64(len(body)); b.held > b.call.head.Limits.Memory {
		b.fail(failure{
			Kind: KindLimit, Limit: LimitMemory, Allowed: b.call.head.Limits.Memory,
			Message: "the bodies of the call need more memory than it may have",
		})
		return 0, b.stop()
	}
	b.bodies = append(b.bodies, body)
	return len(b.bodies), nil
}

// hand keeps a body that belongs to the next question or to the result.
func (b *bridge) hand(body []byte, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	number, err := b.add(body)
	if err != nil {
		return nil, err
	}
	if b.loose == nil {
		b.loose = map[int]bool{}
	}
	b.loose[number] = true
	return number, nil
}

// stop ends the script as soon as it goes on.
func (b *bridge) stop() error {
	b.stopped = true
	b.vm.Interrupt()
	return errStopped
}

// bodyOf returns the body whose number is an argument.
func (b *bridge) bodyOf(args []any, i int) ([]byte, error) {
	number, err := arg[int](args, i)
	if err != nil || number < 1 || number > len(b.bodies) {
		return nil, errors.New("there is no such body")
	}
	return b.bodies[number-1], nil
}

// arg returns an argument as the type that it has to have.
func arg[T any](args []any, i int) (T, error) {
	var none T
	if i >= len(args) {
		return none, fmt.Errorf("argument %d of the bridge is missing", i)
	}
	value, ok := args[i].(T)
	if !ok {
		return none, fmt.Errorf("argument %d of the bridge is a %T", i, args[i])
	}
	return value, nil
}

// decoded returns an argument that is base64.
func decoded(args []any, i int) ([]byte, error) {
	text, err := arg[string](args, i)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text)
}

// random returns random bytes, in base64.
func random(args []any) (any, error) {
	n, err := arg[int](args, 1)
	if err != nil || n < 0 || n > 1<<16 {
		return nil, errors.New("the number of random bytes is not from 0 to 65536")
	}
	b := make([]byte, n)
	_, err = rand.Read(b)
	return base64.StdEncoding.EncodeToString(b), err
}
