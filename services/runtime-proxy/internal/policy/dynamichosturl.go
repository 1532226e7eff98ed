package policy

import (
	"context"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// dynamicHostURL replaces scheme, host and base path of the request. A value
// without a scheme means https. Where the request ends up is checked after all
// policies, so this cannot carry a credential to a host that it is not bound to.
func dynamicHostURL(s settings) (Step, error) {
	text := strings.TrimSpace(s.get("urlTemplate"))
	if text == "" {
		return nil, problem("urlTemplate must not be empty")
	}
	if s.section == connectorv1.PolicySection_POLICY_SECTION_RESPONSE {
		return nil, problem("an answer has no host")
	}
	x, err := parse(text)
	if err != nil {
		return nil, err
	}
	return func(_ context.Context, e *Exchange) error {
		address := strings.TrimSpace(x.eval(e))
		if !strings.Contains(address, "://") {
			address = "https://" + address
		}
		base, err := request.ParseBase(address)
		if err != nil {
			return fault.Precondition(fault.ReasonConnectionParametersInvalid,
				"the host of the API cannot be worked out: %s; look at the connection's parameters", err.Error())
		}
		e.Request.Base = base
		return nil
	}, nil
}
