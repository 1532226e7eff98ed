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

// References returns the files that a document refers to, as relative or
// absolute references (RFC 3986) without fragments. What is no document has none.
type References func(f format.File) []string

// Fetcher reads documents from URLs. It is safe for concurrent use.
type Fetcher struct {
	client     *http.Client
	timeout    time.Duration
	references References
}

var _ core.Fetcher = (*Fetcher)(nil)

// New returns a fetcher that takes at most timeout for everything that one call
// of Fetch reads, redirects and bodies included, and goes nowhere that guard
// refuses.
func New(guard *egress.Guard, timeout time.Duration, references References) *Fetcher {
	return &Fetcher{
		client:  guard.Client(egress.ClientOptions{Timeout: timeout, MaxBody: document.MaxBytes}),
		timeout: timeout, references: references,
	}
}

// Fetch implements [core.Fetcher]. Content types are ignored: servers say
// anything. Only the status 200 counts. Errors are INVALID_ARGUMENT for a URL
// that is none, EGRESS_REFUSED, DOCUMENT_TOO_LARGE, and DOCUMENT_UNREACHABLE
// for everything else, with the URL but without its query, which may hold a key.
//
// Documents that it refers to are read from the same scheme, host and port only,
// at most [format.MaxFiles] with [core.MaxSourceBytes] together. Those that the
// server does not have, and those of other hosts, are left out: the importer
// finds that they are missing.
func (f *Fetcher) Fetch(ctx context.Context, raw string) ([]format.File, string, error) {
	u, err := parse(raw)
	if err != nil {
		return nil, "", err
	}
	bounded, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	content, at, err := f.get(bounded, u)
	if err != nil {
		return nil, "", f.failed(ctx, shown(u), err)
	}
	c := crawl{fetcher: f, name: nameOf(u.Path), root: at, seen: map[string]bool{at.Path: true}}
	c.add(at, content)
	if err := c.follow(bounded); err != nil {
		return nil, "", f.failed(ctx, shown(u), err)
	}
	return c.files(), shown(u), nil
}

// shown returns a URL without what may be secret.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// get reads one document, and says where it was in the end.
func (f *Fetcher) get(ctx context.Context, u *url.URL) (content []byte, at *url.URL, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, nil, invalid("it cannot be requested")
	}
	req.Header.Set("Accept", "application/json, application/yaml, */*")
	resp, err := f.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, nil, unreachable(shown(u), "the server answered with status "+strconv.Itoa(resp.StatusCode)).
			With("status", strconv.Itoa(resp.StatusCode))
	}
	content, err = egress.ReadAll(resp.Body, document.MaxBytes)
	return content, resp.Request.URL, err
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

// unnamed is the name of a document whose URL has none.
const unnamed = "document"

// nameOf returns a file name for a document: the last part of its path.
func nameOf(urlPath string) string {
	name := path.Base(path.Clean("/" + urlPath))
	if name == "/" || len(name) > format.MaxPath || strings.ContainsAny(name, "\\\x00") {
		return unnamed
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
		return unreachable(shown, fmt.Sprintf("the server did not answer within %s", f.timeout)).Because(cause)
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
