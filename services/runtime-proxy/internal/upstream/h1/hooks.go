package h1

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"net/textproto"

	"github.com/ferrule-dev/ferrule/pkg/lifetime"
)

// Hooks are told what happens to a request. They are called by the goroutine that
// asked for the exchange, or, where net/http does it, by others, one at a time.
type Hooks interface {
	// WroteHeaders is called as soon as the server may have got a part of the
	// request, once for each time that it is sent.
	WroteHeaders()
	// Informational is called with each 1xx answer, 100 included. An error ends the
	// exchange.
	Informational(status int, header http.Header) error
}

// traced are hooks of package httptrace.
type traced struct{ trace *httptrace.ClientTrace }

// fromTrace returns the hooks in a context, nil if there are none.
func fromTrace(ctx context.Context) Hooks {
	if trace := httptrace.ContextClientTrace(ctx); trace != nil {
		return traced{trace}
	}
	return nil
}

// WroteHeaders implements [Hooks].
func (t traced) WroteHeaders() {
	if t.trace.WroteHeaders != nil {
		t.trace.WroteHeaders()
	}
}

// Informational implements [Hooks].
func (t traced) Informational(status int, header http.Header) error {
	if t.trace.Got1xxResponse == nil {
		return nil
	}
	return t.trace.Got1xxResponse(status, textproto.MIMEHeader(header))
}

// withTrace makes hooks those of package httptrace.
func withTrace(ctx context.Context, hooks Hooks) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: hooks.WroteHeaders,
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			return hooks.Informational(code, http.Header(header))
		},
	})
}

// EndingKey is what a context answers with an [Ending] for, if it is one.
type EndingKey = lifetime.Key

// Ending is what a context can be to spare an exchange the cost of
// [context.AfterFunc]: four allocations and about 2 us of each call.
type Ending = lifetime.Ending
