package policy

import (
	"context"
	"net/url"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// setQueryParameter sets a query parameter of the request. existsAction:
// "override" (default), "skip" or "append". The name may be percent-encoded.
func setQueryParameter(s settings) (Step, error) {
	name, err := url.QueryUnescape(s.get("name"))
	if err != nil || name == "" {
		return nil, problem("name must be the name of a query parameter")
	}
	if s.section == connectorv1.PolicySection_POLICY_SECTION_RESPONSE {
		return nil, problem("an answer has no query")
	}
	x, err := parse(s.get("value"))
	if err != nil {
		return nil, err
	}
	action, err := existsAction(s)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, e *Exchange) error {
		value := request.Escape(x.eval(e))
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
