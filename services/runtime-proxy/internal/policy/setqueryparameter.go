package policy

import (
	"context"
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// setQueryParameter sets a query parameter of the request. existsAction:
// "override" (default), "skip" or "append". The name may be percent-encoded.
func setQueryParameter(s settings) (Step, error) {
	name, err := url.QueryUnescape(strings.TrimSpace(s.get("name")))
	if err != nil || name == "" {
		return nil, problem("name must be the name of a query parameter")
	}
	x := s.expression("value", dialectText)
	action, err := existsAction(s)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, e *Exchange) error {
		scope := s.scope(e)
		text, err := x.text(&scope)
		if err != nil {
			return s.explain(err)
		}
		value := request.Escape(text)
		_, exists := e.Request.QueryValue(name)
		switch {
		case action == appendTo:
			e.Request.AddQuery(name, value)
		case action == skip && exists:
		default:
			e.Request.SetQuery(name, value)
		}
		return nil
	}, nil
}
