package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// serverSentEvents is the media type of Server-Sent Events (HTML Standard,
	// section 9.2).
	serverSentEvents = "text/event-stream"
	// lastEventID is the header with which a reader that was cut off goes on: the
	// sequence of the last event that it has seen.
	lastEventID = "Last-Event-ID"
	// heartbeat is how often a quiet stream says that it is alive: proxies give up
	// connections on which nothing happens for half a minute or so.
	heartbeat = 15 * time.Second
	// reconnectAfter is when a reader is asked to come back after it was cut off.
	reconnectAfter = 3 * time.Second
)

// wantsServerSentEvents reports whether the request accepts Server-Sent Events by
// name: everything else gets lines of JSON.
func wantsServerSentEvents(r *http.Request) bool {
	for _, field := range r.Header.Values("Accept") {
		for entry := range strings.SplitSeq(field, ",") {
			media, parameters, err := mime.ParseMediaType(entry)
			if err != nil || media != serverSentEvents {
				continue
			}
			if quality, err := strconv.ParseFloat(parameters["q"], 64); err != nil || quality > 0 {
				return true
			}
		}
	}
	return false
}

// resume lets the request begin after the event that the reader has seen last. That
// is newer than what the address says, which a reader repeats unchanged.
func resume(r *http.Request, req *triggerv1.StreamEventsRequest) error {
	last := r.Header.Get(lastEventID)
	if last == "" {
		return nil
	}
	sequence, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return fault.Invalid(fault.ReasonInvalidArgument, "the header %s is not the sequence of an event; send the last id that was received, or none", lastEventID).
			Field(lastEventID, "must be a whole number")
	}
	req.AfterSequence = sequence
	return nil
}

// received is what a stream had to say.
type received struct {
	event *triggerv1.Event
	err   error
}

// forwardServerSentEvents answers with events as they come, and comments while none
// do, until either side leaves. A stream that breaks ends with an event "error" that
// has the status as its data and no id, so that the reader comes back for what it
// has not seen. end ends the context, and so next, which then has returned.
func forwardServerSentEvents(ctx context.Context, end func(), w http.ResponseWriter, clk clock.Clock, next func() (*triggerv1.Event, error)) {
	h := w.Header()
	h.Set("Content-Type", serverSentEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies pass each event on at once
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	say := func(text []byte) bool {
		_, err := w.Write(text)
		return err == nil && out.Flush() == nil
	}
	if !say(fmt.Appendf(nil, "retry: %d\n\n", reconnectAfter.Milliseconds())) {
		return
	}
	events := make(chan received) // of no length: the stream waits for a slow reader
	var reading sync.WaitGroup
	defer func() { end(); reading.Wait() }()
	reading.Go(func() {
		for {
			event, err := next()
			select {
			case events <- received{event, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	})
	beat := clk.After(heartbeat)
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat:
			if !say([]byte(": alive\n\n")) {
				return
			}
		case got := <-events:
			if errors.Is(got.err, io.EOF) || !say(serverSentEvent(got)) || got.err != nil {
				return
			}
		}
		beat = clk.After(heartbeat)
	}
}

// oneLine takes out what would end a line, or the type.
var oneLine = strings.NewReplacer("\r", "", "\n", "", "\x00", "")

// serverSentEvent writes an event, or why there are no more.
func serverSentEvent(got received) []byte {
	if got.err != nil {
		return fmt.Appendf(nil, "event: error\ndata: %s\n\n", plainJSON(statusOf(got.err)))
	}
	e := got.event
	return fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", e.GetSequence(), oneLine.Replace(e.GetType()), plainJSON(e))
}

// plainJSON writes a message as one line; one of ours can always be written.
func plainJSON(m proto.Message) []byte {
	text, err := protojson.MarshalOptions{}.Marshal(m)
	if err != nil {
		return []byte(`{"code":13,"message":"the message cannot be written as JSON"}`)
	}
	return text
}
