package policy

import (
	"context"
	"net/textproto"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// setHeader sets a header of the request, or of the answer in the response
// section. existsAction: "override" (default), "skip" or "append".
func setHeader(s settings) (Step, error) {
	name, value := s.get("name"), s.get("value")
	if !request.ValidFieldName(name) {
		return nil, problem("name must be the name of a header")
	}
	x, err := parse(value)
	if err != nil {
		return nil, err
	}
	action, err := existsAction(s)
	if err != nil {
		return nil, err
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	response := s.section == connectorv1.PolicySection_POLICY_SECTION_RESPONSE
	if request.OfTransport(name) && !response {
		return nil, problem("the header " + name + " belongs to the transport")
	}
	return func(_ context.Context, e *Exchange) error {
		text := x.eval(e)
		if !request.ValidFieldValue(text) {
			return fault.Precondition(fault.ReasonConnectionParametersInvalid,
				"the value of header %q holds characters that cannot be sent; look at the parameters it is made of", name)
		}
		if name == "Host" && !response {
			e.Request.Host = text
			return nil
		}
		target := e.Request.Header
		if response {
			target = e.Response.Header
		}
		set(target, name, text, action)
		return nil
	}, nil
}

func set(target map[string][]string, name, text string, action action) {
	switch {
	case action == appendTo:
		target[name] = append(target[name], text)
	case action == skip && len(target[name]) > 0:
	default:
		target[name] = []string{text}
	}
}

// action is what happens to a value that is there already.
type action int

const (
	override action = iota
	skip
	appendTo
)

func existsAction(s settings) (action, error) {
	switch strings.ToLower(s.get("existsAction")) {
	case "", "override":
		return override, nil
	case "skip":
		return skip, nil
	case "append":
		return appendTo, nil
	}
	return override, problem("existsAction must be override, skip or append")
}
