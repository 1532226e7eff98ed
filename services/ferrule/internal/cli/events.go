package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

const (
	// maxLine bounds one event of a stream, in JSON.
	maxLine = 8 << 20
	// resumePause separates attempts to continue a stream that was cut off.
	resumePause = time.Second
)

func (a *app) events() *cobra.Command {
	var follow bool
	var from string
	var count int
	cmd := &cobra.Command{
		Use:   "events SUBSCRIPTION",
		Short: "Show what happened",
		Long: `Events prints the events of a subscription, oldest first. With --follow it goes
on with new ones as they happen, and continues where it was if the server goes
away for a while.`,
		Example: `  ferrule events new-items
  ferrule events new-items --follow --from 10m`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			start, err := startTime(from, clock.System().Now())
			if err != nil {
				return err
			}
			name := a.resource("subscriptions", args[0])
			r := &eventReader{app: a, client: client, name: name, left: count, unlimited: count == 0}
			if err := r.list(cmd.Context(), start); err != nil || !follow || r.done() {
				return err
			}
			return r.follow(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "go on with new events as they happen")
	flags.StringVar(&from, "from", "", "only events since this time: RFC 3339, or how long ago, such as 10m")
	flags.IntVarP(&count, "count", "n", 0, "stop after this many events; 0 means all")
	return cmd
}

// startTime reads --from.
func startTime(from string, now time.Time) (string, error) {
	if from == "" {
		return "", nil
	}
	if ago, err := time.ParseDuration(from); err == nil {
		return now.Add(-ago).UTC().Format(time.RFC3339Nano), nil
	}
	t, err := time.Parse(time.RFC3339, from)
	if err != nil {
		return "", usage("--from takes a time such as 2026-05-01T12:00:00Z or a duration such as 10m, not %q", from)
	}
	return t.UTC().Format(time.RFC3339Nano), nil
}

// eventReader prints the events of one subscription, each once.
type eventReader struct {
	app       *app
	client    *rest.Client
	name      string
	last      uint64 // sequence of the last event printed
	left      int    // events still wanted
	unlimited bool
}

func (r *eventReader) done() bool { return !r.unlimited && r.left <= 0 }

// list prints what has happened so far.
func (r *eventReader) list(ctx context.Context, start string) error {
	return everyPage(func(token string) (string, error) {
		query := url.Values{"page_token": {token}, "page_size": {"500"}}
		if start != "" {
			query.Set("start_time", start)
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
			return nil //nolint:nilerr // the user has seen enough
		}
		if err != nil {
			return err
		}
		r.app.progress("the stream was cut off; continuing")
		select {
		case <-ctx.Done():
			return nil
		case <-clock.System().After(resumePause):
		}
	}
}

// stream prints one stream of events. It returns nil when the stream was cut
// off, so that it can be continued, and an error when that makes no sense.
func (r *eventReader) stream(ctx context.Context) error {
	query := url.Values{}
	if r.last > 0 {
		query.Set("after_sequence", strconv.FormatUint(r.last, 10))
	}
	res, err := r.client.Do(ctx, http.MethodGet, rest.Path(r.name, "events")+":stream", query, nil)
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
	data := []byte(event.GetData())
	var compact bytes.Buffer
	if json.Compact(&compact, data) == nil {
		data = compact.Bytes()
	}
	r.app.printf("%s  %s  %s\n", event.GetTime().AsTime().Local().Format(time.DateTime), short(event.GetId(), 16), data)
	return nil
}
