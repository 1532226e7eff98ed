package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// listedRequests is how many requests are listed if nobody says.
const listedRequests = 50

// requestFlags are the flags of requests.
type requestFlags struct {
	on, off, bodies bool
	period          time.Duration
	limit           int
}

func (a *app) requests() *cobra.Command {
	var f requestFlags
	cmd := &cobra.Command{
		Use:   "requests CONNECTION",
		Short: "See what was sent to an API and what it answered",
		Long: `Requests lists what was sent for a connection and what the API answered, newest
first. Nothing is kept unless the owner of the connection or an administrator
switches it on: --on does, for an hour or as long as --for says, and --off ends it
and deletes what was kept. With --on, --bodies keeps the beginning of bodies too.

Without --on, --bodies shows requests in full, with header and bodies: the newest,
or as many as --limit says.

Secrets of the connection read "[redacted]". What an API answers can hold secrets
that only it knows: switch it on for no longer than you need.`,
		Example: `  ferrule requests shop --on --for 15m --bodies
  ferrule requests shop
  ferrule requests shop --bodies
  ferrule requests shop --off`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			name := a.resource("connections", args[0])
			switch {
			case f.on:
				return a.keepRequests(cmd.Context(), client, name, f)
			case f.off:
				return a.forgetRequests(cmd.Context(), client, name)
			}
			return a.listRequests(cmd.Context(), client, name, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.on, "on", false, "keep what is sent from now on")
	flags.DurationVar(&f.period, "for", time.Hour, "with --on, for how long, at most 168h")
	flags.BoolVar(&f.off, "off", false, "keep nothing more, and delete what was kept")
	flags.BoolVar(&f.bodies, "bodies", false, "show requests in full; with --on, keep the first 16 KiB of bodies too")
	flags.IntVar(&f.limit, "limit", 0, "how many requests are shown (default 50, in full 1)")
	return cmd
}

func (f *requestFlags) check(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	switch {
	case f.on && f.off:
		return usage("--on and --off exclude each other")
	case changed("for") && !f.on:
		return usage("--for says how long --on is; give both")
	case f.off && f.bodies, (f.on || f.off) && changed("limit"):
		return usage("--limit is for listing, and --bodies for listing and for --on; leave them out")
	case f.limit < 0:
		return usage("--limit must be at least 1, not %d", f.limit)
	}
	if f.limit == 0 {
		f.limit = listedRequests
		if f.bodies {
			f.limit = 1
		}
	}
	return nil
}

func (a *app) keepRequests(ctx context.Context, client *rest.Client, name string, f requestFlags) error {
	var log runtimev1.RequestLog
	req := &runtimev1.EnableRequestLogRequest{Duration: durationpb.New(f.period), Bodies: f.bodies}
	if err := client.Call(ctx, http.MethodPost, rest.Path(name, "requestLog")+":enable", nil, req, &log); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(&log)
	}
	what := "without bodies"
	if log.GetBodies() {
		what = "with bodies"
	}
	a.printf("requests of %s are kept until %s, %s\n", id(name), moment(log.GetExpireTime()), what)
	return nil
}

func (a *app) forgetRequests(ctx context.Context, client *rest.Client, name string) error {
	var log runtimev1.RequestLog
	if err := client.Call(ctx, http.MethodPost, rest.Path(name, "requestLog")+":disable", nil, &runtimev1.DisableRequestLogRequest{}, &log); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(&log)
	}
	a.printf("requests of %s are not kept any more; those that were are deleted\n", id(name))
	return nil
}

func (a *app) listRequests(ctx context.Context, client *rest.Client, name string, f requestFlags) error {
	out := a.listing("TIME", "OPERATION", "REQUEST", "STATUS", "TOOK", "ATTEMPT")
	left, full := f.limit, f.bodies && !a.json()
	err := everyPage(func(token string) (string, error) {
		query := url.Values{"page_token": {token}, "page_size": {strconv.Itoa(min(left, 1000))}}
		var res runtimev1.ListRequestLogEntriesResponse
		if err := client.Call(ctx, http.MethodGet, rest.Path(name, "requestLog"), query, nil, &res); err != nil {
			return "", err
		}
		for _, e := range res.GetEntries() {
			if left--; left < 0 {
				return "", nil
			}
			if full {
				a.printRequest(e)
				continue
			}
			row := []string{
				moment(e.GetTime()), e.GetOperationId(), e.GetMethod() + " " + short(e.GetUrl(), 72), outcome(e),
				latency(e.GetLatency()), strconv.Itoa(int(e.GetAttempt())),
			}
			if err := out.add(e, row); err != nil {
				return "", err
			}
		}
		if left == 0 {
			return "", nil
		}
		return res.GetNextPageToken(), nil
	})
	if err != nil || full && left < f.limit {
		return err
	}
	return out.end("nothing is kept; `ferrule requests " + id(name) + " --on` keeps what is sent from now on")
}

// outcome is the status of an answer, or why there was none.
func outcome(e *runtimev1.RequestLogEntry) string {
	switch {
	case ranCode(e):
		return "(custom code)"
	case e.GetStatusCode() == 0:
		return e.GetError()
	}
	return strconv.Itoa(int(e.GetStatusCode()))
}

// ranCode reports whether an entry is no request, but what custom code logged.
func ranCode(e *runtimev1.RequestLogEntry) bool {
	return e.GetAttempt() == 0 && e.GetStatusCode() == 0 && e.GetError() == ""
}

// printRequest prints a request and its answer the way they went over the wire.
func (a *app) printRequest(e *runtimev1.RequestLogEntry) {
	a.printf("%s  %s by %s, attempt %d, took %s\n\n", moment(e.GetTime()), e.GetOperationId(), e.GetPrincipal(), e.GetAttempt(), latency(e.GetLatency()))
	a.printf("> %s %s\n", e.GetMethod(), e.GetUrl())
	a.printPart("> ", e.GetRequestHeaders(), keptBody{e.GetRequestBody(), e.GetRequestBytes(), e.GetRequestBodyCut()})
	switch {
	case ranCode(e):
	case e.GetStatusCode() == 0:
		a.printf("< no answer: %s\n", e.GetError())
	default:
		a.printf("< %d %s\n", e.GetStatusCode(), http.StatusText(int(e.GetStatusCode())))
		a.printPart("< ", e.GetResponseHeaders(), keptBody{e.GetResponseBody(), e.GetResponseBytes(), e.GetResponseBodyCut()})
	}
	for _, line := range e.GetLogs() {
		a.printf("log: %s\n", line)
	}
	a.printf("\n")
}

// keptBody is what is kept of a body.
type keptBody struct {
	text  string
	bytes int64 // of the whole
	cut   bool  // there was more
}

// printPart prints header and body of one direction.
func (a *app) printPart(mark string, header []*runtimev1.RequestLogHeader, body keptBody) {
	for _, h := range header {
		a.printf("%s%s: %s\n", mark, h.GetName(), h.GetValue())
	}
	a.printf("%s\n", mark[:1])
	switch {
	case body.text != "":
		a.printf("%s\n", body.text)
	case body.bytes > 0:
		a.printf("(%s that are not kept)\n", size(body.bytes))
	}
	if body.cut {
		a.printf("(the beginning of %s)\n", size(body.bytes))
	}
}
