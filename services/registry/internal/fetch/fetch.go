// Package fetch reads API descriptions by URL, through the guarded dialer.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Fetcher reads one document from a URL. It is safe for concurrent use.
type Fetcher struct {
	client *http.Client
}

var _ core.Fetcher = (*Fetcher)(nil)

// New returns a fetcher whose requests take at most timeout, redirects and body
// included, and which goes nowhere that guard refuses.
func New(guard *egress.Guard, timeout time.Duration) *Fetcher {
	return &Fetcher{client: guard.Client(egress.ClientOptions{Timeout: timeout, MaxBody: document.MaxBytes})}
}

// Fetch implements [core.Fetcher]. The content type is ignored: servers say
// anything. Only the status 200 counts. Errors are INVALID_ARGUMENT for a URL
// that is none, EGRESS_REFUSED, DOCUMENT_TOO_LARGE, and DOCUMENT_UNREACHABLE
// for everything else, with the URL but without its query, which may hold a key.
func (f *Fetcher) Fetch(ctx context.Context, raw string) (format.File, string, error) {
	u, err := parse(raw)
	if err != nil {
		return format.File{}, "", err
	}
	shown := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return format.File{}, "", invalid("it cannot be requested")
	}
	req.Header.Set("Accept", "application/json, application/yaml, */*")
	resp, err := f.client.Do(req)
	if err != nil {
		return format.File{}, "", f.failed(ctx, shown, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return format.File{}, "", unreachable(shown, "the server answered with status "+strconv.Itoa(resp.StatusCode)).
			With("status", strconv.Itoa(resp.StatusCode))
	}
	content, err := egress.ReadAll(resp.Body, document.MaxBytes)
	if err != nil {
		return format.File{}, "", f.failed(ctx, shown, err)
	}
	return format.File{Path: nameOf(u), Content: content}, shown, nil
}

func parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, invalid("it is malformed")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, invalid("it must start with http:// or https://")
	case u.Hostname() == "":
		return nil, invalid("it names no host")
	case u.User != nil:
		return nil, invalid("it must not hold a user name or password")
	}
	u.Fragment = ""
	return u, nil
}

// nameOf returns a file name for the document: the last part of its path.
func nameOf(u *url.URL) string {
	name := path.Base(path.Clean("/" + u.Path))
	if name == "/" || len(name) > format.MaxPath || strings.ContainsAny(name, "\\\x00") {
		return "document"
	}
	return name
}

// failed finds the words for what went wrong. The error itself holds the URL with
// its query, so that only its cause is kept.
func (f *Fetcher) failed(ctx context.Context, shown string, err error) error {
	if refusal, ok := errors.AsType[*fault.Error](err); ok {
		if refusal.Reason() == fault.ReasonUpstreamResponseTooLarge {
			return fault.Invalid(fault.ReasonDocumentTooLarge,
				"the document at %q has more than %d bytes; split the description", shown, document.MaxBytes).
				With("url", shown).With("limit", strconv.Itoa(document.MaxBytes))
		}
		return refusal
	}
	if ctx.Err() != nil {
		return fmt.Errorf("fetch %q: %w", shown, ctx.Err())
	}
	cause := err
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		cause = wrapped.Err
	}
	if isTimeout(err) {
		return unreachable(shown, fmt.Sprintf("the server did not answer within %s", f.client.Timeout)).Because(cause)
	}
	return unreachable(shown, "the server cannot be reached or broke off its answer").Because(cause)
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

func unreachable(shown, why string) *fault.Error {
	return fault.New(fault.CodeFailedPrecondition, fault.ReasonDocumentUnreachable,
		"the document at %q could not be fetched: %s; check the URL or send the file itself", shown, why).With("url", shown)
}

func invalid(why string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "the URL cannot be used: %s", why).Field("url", why)
}
