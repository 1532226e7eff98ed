package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

const (
	// maxLine bounds one event of a stream, in JSON.
	maxLine = 8 << 20
	// resumePause separates attempts to continue a stream that was cut off.
	resumePause = time.Second
)

// eventFlags are the flags of events.
type eventFlags struct {
	follow   bool
	from, to string
	after    uint64
	count    int
}

func (a *app) events() *cobra.Command {
	var f eventFlags
	cmd := &cobra.Command{
		Use:   "events SUBSCRIPTION",
		Short: "Show what happened, and send it to the sinks again",
		Long: `Events prints the events of a subscription, oldest first. With --follow it goes
on with new ones as they happen, and continues where it was if the server goes
away for a while. When it is stopped it says which --after continues there.

"ferrule events replay" sends events to the subscription's sinks again.`,
		Example: `  ferrule events new-items
  ferrule events new-items --follow --from 10m
  ferrule events new-items --follow --after 4711 -o json
  ferrule events replay new-items --from 24h`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.showEvents(cmd, args[0], f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with new events as they happen")
	flags.StringVar(&f.from, "from", "", "only events since this time: RFC 3339, or how long ago, such as 10m")
	flags.StringVar(&f.to, "to", "", "only events before this time: RFC 3339, or how long ago")
	flags.Uint64Var(&f.after, "after", 0, "with --follow, begin behind the event with this sequence")
	flags.IntVarP(&f.count, "count", "n", 0, "stop after this many events; 0 means all")
	cmd.AddCommand(a.replayEvents())
	return cmd
}

func (a *app) showEvents(cmd *cobra.Command, idOrName string, f eventFlags) error {
	switch {
	case f.follow && f.to != "":
		return usage("--follow goes on with what happens, which --to excludes; leave one out")
	case f.after > 0 && (!f.follow || f.from != ""):
		return usage("--after goes with --follow, and without --from")
	case f.count < 0:
		return usage("--count must be at least 0, not %d", f.count)
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	r := &eventReader{
		app: a, client: client, name: a.resource("subscriptions", idOrName),
		last: f.after, left: f.count, unlimited: f.count == 0,
	}
	now := a.clock.Now()
	if r.start, err = pastTime("from", f.from, now); err != nil {
		return err
	}
	if r.end, err = pastTime("to", f.to, now); err != nil {
		return err
	}
	if f.after == 0 {
		if err := r.list(cmd.Context()); err != nil {
			return err
		}
		if !f.follow && r.left == f.count {
			r.sayNone()
		}
		if !f.follow || r.done() {
			return nil
		}
	}
	return r.follow(cmd.Context())
}

// eventReader prints the events of one subscription, each once.
type eventReader struct {
	app        *app
	client     *rest.Client
	name       string
	start, end string // times between which events are wanted; empty without bound
	last       uint64 // sequence of the last event printed
	left       int    // events still wanted
	unlimited  bool
}

func (r *eventReader) done() bool { return !r.unlimited && r.left <= 0 }

// sayNone tells people that there is nothing to print.
func (r *eventReader) sayNone() {
	switch {
	case r.app.json():
	case r.start != "" || r.end != "":
		r.app.progress("there are no events of that time; `ferrule events %s` lists all", id(r.name))
	default:
		r.app.progress("there are no events yet; --follow waits for them")
	}
}

// list prints what has happened so far.
func (r *eventReader) list(ctx context.Context) error {
	return everyPage(func(token string) (string, error) {
		query := url.Values{"page_token": {token}, "page_size": {"500"}}
		for name, value := range map[string]string{"start_time": r.start, "end_time": r.end} {
			if value != "" {
				query.Set(name, value)
			}
		}
		var res triggerv1.ListEventsResponse
		if err := r.client.Call(ctx, http.MethodGet, rest.Path(r.name, "events"), query, nil, &res); err != nil {
			return "", err
		}
		for _, event := range res.GetEvents() {
			if r.done() {
				return "", nil
			}
			if err := r.print(event); err != nil {
				return "", err
			}
		}
		return res.GetNextPageToken(), nil
	})
}

// follow prints what happens from now on, and comes back when it is cut off.
func (r *eventReader) follow(ctx context.Context) error {
	for {
		err := r.stream(ctx)
		if ctx.Err() != nil || r.done() {
			if r.last > 0 {
				r.app.progress("`ferrule events %s --follow --after %d` continues here", id(r.name), r.last)
			}
			return nil
		}
		if err != nil {
			return err
		}
		r.app.progress("the stream was cut off; continuing")
		select {
		case <-ctx.Done():
			return nil
		case <-r.app.clock.After(resumePause):
		}
	}
}

// stream prints one stream of events. It returns nil when the stream was cut
// off, so that it can be continued, and an error when that makes no sense.
func (r *eventReader) stream(ctx context.Context) error {
	res, err := r.client.Do(ctx, http.MethodGet, rest.Path(r.name, "events")+":stream", r.position(), nil)
	if err != nil {
		return nil // the server may come back
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusBadGateway {
		return nil
	}
	if res.StatusCode != http.StatusOK {
		return rest.Error(res)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := r.line(lines.Bytes()); err != nil {
			return err
		}
		if r.done() {
			return nil
		}
	}
	return nil
}

// position says where the stream begins. Nothing that happened between the list and
// the stream is left out: without an event to go on after, that is where the list
// began.
func (r *eventReader) position() url.Values {
	switch {
	case r.last > 0:
		return url.Values{"after_sequence": {strconv.FormatUint(r.last, 10)}}
	case r.start != "":
		return url.Values{"start_time": {r.start}}
	}
	return url.Values{"start_time": {time.Unix(0, 0).UTC().Format(time.RFC3339)}}
}

// line takes one line of the stream: {"result": event} or {"error": status}.
func (r *eventReader) line(line []byte) error {
	var wire struct {
		Result json.RawMessage `json:"result"`
		Error  json.RawMessage `json:"error"`
	}
	if len(line) == 0 {
		return nil
	}
	if err := json.Unmarshal(line, &wire); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	if wire.Error != nil {
		var s spb.Status
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(wire.Error, &s); err != nil {
			return fmt.Errorf("read event: %w", err)
		}
		return grpcx.FromStatus(status.FromProto(&s).Err())
	}
	var event triggerv1.Event
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(wire.Result, &event); err != nil {
		return fmt.Errorf("read event: %w", err)
	}
	return r.print(&event)
}

func (r *eventReader) print(event *triggerv1.Event) error {
	r.last = event.GetSequence()
	r.left--
	if r.app.json() {
		return r.app.printMessage(event)
	}
	r.app.printf("%s  %s  %s\n", event.GetTime().AsTime().Local().Format(time.DateTime), short(event.GetId(), 16), dataText(event))
	return nil
}

// dataText is the data of an event in one line. What is no JSON comes in base64, which
// stays where it is no text either.
func dataText(event *triggerv1.Event) string {
	data := event.GetData()
	if media := event.GetDataContentType(); media == "" || strings.Contains(media, "json") {
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(data)) == nil {
			return compact.String()
		}
		return data
	}
	if raw, err := base64.StdEncoding.DecodeString(data); err == nil && utf8.Valid(raw) {
		return strings.Join(strings.Fields(string(raw)), " ")
	}
	return data
}
