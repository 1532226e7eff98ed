package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

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
	app          *app
	flags        *invokeFlags
	items, pages int32
	link         string // where the list goes on after the last page that was good
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
	r.items, r.pages, r.link = r.items+int32(len(page.GetItems())), r.pages+1, page.GetNextLink()
	r.app.printf("%s", text.String())
	return nil
}

// end says so if a limit ended the list.
func (r *pageReader) end() {
	switch {
	case r.link != "":
		r.app.progress("there is more after %s: --link '%s' goes on", plural(r.items, "item"), r.link)
	case r.items >= r.flags.maxItems:
		r.app.progress("stopped at --max-items %d: there may be more", r.flags.maxItems)
	case r.pages >= r.flags.maxPages:
		r.app.progress("stopped at --max-pages %d: there may be more", r.flags.maxPages)
	}
}

// resume says how to go on after a failure.
func (r *pageReader) resume() {
	if r.link != "" {
		r.app.progress("%s came before that; --link '%s' goes on", plural(r.items, "item"), r.link)
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
