package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// invokePages prints the items of a list as they come.
func (a *app) invokePages(ctx context.Context, client *rest.Client, path string, input []byte, f *invokeFlags) error {
	req := &runtimev1.InvokePagesRequest{
		Input: input, Limits: &runtimev1.PageLimits{MaxItems: f.maxItems, MaxPages: f.maxPages}, Revision: f.revision, Link: f.link,
	}
	if f.timeout > 0 {
		req.Timeout = durationpb.New(f.timeout)
	}
	body, err := protojson.Marshal(req)
	if err != nil {
		return fmt.Errorf("encode request: %w", err)
	}
	res, err := client.Do(ctx, http.MethodPost, path+":invokePages", nil, body)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return rest.Error(res)
	}
	return (&pageReader{app: a, flags: f}).read(res.Body)
}

// pageReader prints the pages of one list.
type pageReader struct {
	app     *app
	flags   *invokeFlags
	items   int32
	link    string // where the list goes on after the last page that was good
	change  []byte // what of the input goes on there, for lists without links
	listEnd runtimev1.ListEnd
}

// read prints the pages of a stream and says how it ended.
func (r *pageReader) read(body io.Reader) error {
	lines := bufio.NewReader(body) // a page can be longer than any line of a scanner
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(bytes.TrimSpace(line)) == 0 {
			r.end()
			return nil
		}
		if err != nil {
			r.resume()
			return fmt.Errorf("read the list: %w", err)
		}
		var page runtimev1.InvokePagesResponse
		if err := streamed(line, &page); err != nil {
			r.resume()
			return err
		}
		if err := r.page(&page); err != nil {
			return err
		}
	}
}

// page prints the items of one page.
func (r *pageReader) page(page *runtimev1.InvokePagesResponse) error {
	if page.GetStatusCode() >= http.StatusBadRequest {
		r.app.progress("the API answered %d: %s", page.GetStatusCode(), page.GetError().GetMessage())
		if wait := page.GetError().GetRetryAfter(); wait != nil && page.GetError().GetRetryable() {
			r.app.progress("  %s", tryAgain(wait.AsDuration()))
		}
		r.resume()
		return errReported
	}
	var text bytes.Buffer
	for _, item := range page.GetItems() {
		if json.Compact(&text, item) != nil {
			return errors.New("the server sent an item that is no JSON")
		}
		text.WriteByte('\n')
	}
	r.items += int32(len(page.GetItems()))
	r.link, r.change, r.listEnd = page.GetNextLink(), page.GetNextInput(), page.GetListEnd()
	r.app.printf("%s", text.String())
	return nil
}

// end says so if a limit ended the list.
func (r *pageReader) end() {
	on := ""
	if how := goOn(r.link, r.change); how != "" {
		on = "; " + how
	}
	switch r.listEnd {
	case runtimev1.ListEnd_LIST_END_MAX_ITEMS:
		r.app.progress("stopped at --max-items %d: there may be more%s", r.flags.maxItems, on)
	case runtimev1.ListEnd_LIST_END_MAX_PAGES:
		r.app.progress("stopped at --max-pages %d, after %s: there may be more%s", r.flags.maxPages, plural(r.items, "item"), on)
	default: // the list ended
	}
}

// goOn says how to go on with a list; empty if there is no way to.
func goOn(link string, change []byte) string {
	if link != "" {
		return "--link '" + link + "' goes on"
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(change, &members) != nil || len(members) == 0 {
		return ""
	}
	var params []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if members[name][0] == '{' { // a member of the body beside others
			return "the same input with " + string(change) + " goes on"
		}
		params = append(params, "--param "+quoted(name+":="+string(members[name])))
	}
	return strings.Join(params, " ") + " goes on"
}

// quoted writes a word for a shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// resume says how to go on after a failure.
func (r *pageReader) resume() {
	if how := goOn(r.link, r.change); how != "" {
		r.app.progress("%s came before that; %s", plural(r.items, "item"), how)
	}
}

// streamed reads one line of a stream: {"result": page} or {"error": status}.
func streamed(line []byte, page *runtimev1.InvokePagesResponse) error {
	var wire struct{ Result, Error json.RawMessage }
	if err := json.Unmarshal(line, &wire); err != nil {
		return fmt.Errorf("read a page: %w", err)
	}
	lenient := protojson.UnmarshalOptions{DiscardUnknown: true}
	if wire.Error != nil {
		var s spb.Status
		if err := lenient.Unmarshal(wire.Error, &s); err != nil {
			return fmt.Errorf("read a page: %w", err)
		}
		return grpcx.FromStatus(status.FromProto(&s).Err())
	}
	if err := lenient.Unmarshal(wire.Result, page); err != nil {
		return fmt.Errorf("read a page: %w", err)
	}
	return nil
}
