package policy

import (
	"context"
	"net/textproto"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// setHeader sets a header of the request, or of the answer in the sections
// Response and Failure. existsAction: "override" (default), "skip" or "append".
func setHeader(s settings) (Step, error) {
	name := strings.TrimSpace(s.get("name"))
	if isPlaceholder(name) {
		return func(context.Context, *Exchange) error { return nil }, nil
	}
	if !request.ValidFieldName(name) {
		return nil, problem("name must be the name of a header")
	}
	x := s.expression("value", dialectText)
	action, err := existsAction(s)
	if err != nil {
		return nil, err
	}
	name = textproto.CanonicalMIMEHeaderKey(name)
	if s.section != sectionRequest {
		return func(_ context.Context, e *Exchange) error {
			text, err := s.headerText(x, e, name)
			if err != nil {
				return err
			}
			if e.Response.Header == nil {
				e.Response.Header = map[string][]string{}
			}
			set(e.Response.Header, name, text, action)
			return nil
		}, nil
	}
	if request.OfTransport(name) {
		return nil, problem("the header " + name + " belongs to the transport")
	}
	if name == "Host" {
		return setHost(s, x), nil
	}
	if text, constant := x.constant(); constant && action == override && request.ValidFieldValue(text) {
		return setConstant(name, text), nil
	}
	return func(_ context.Context, e *Exchange) error {
		text, err := s.headerText(x, e, name)
		if err != nil {
			return err
		}
		set(e.Request.Header, name, text, action)
		return nil
	}, nil
}

// setConstant sets a header of the request to what never changes. All calls share
// the value: there is no handle in it, and so nobody writes a secret into its place.
func setConstant(name, text string) Step {
	value := []string{text}
	return func(_ context.Context, e *Exchange) error {
		e.Request.Header[name] = slices.Clip(value)
		return nil
	}
}

// isPlaceholder reports whether a name is one that somebody meant to fill in,
// "[[name]]". No server of any kind can have got such a header, and connectors
// that work have policies with them: they set nothing.
func isPlaceholder(name string) bool {
	return strings.HasPrefix(name, "[[") && strings.HasSuffix(name, "]]")
}

// setHost changes what the server is told its name is.
func setHost(s settings, x *expression) Step {
	return func(_ context.Context, e *Exchange) error {
		text, err := s.headerText(x, e, "Host")
		if err != nil {
			return err
		}
		if base, err := request.ParseBase("https://" + text); err != nil || base.Path != "" {
			return fault.Precondition(fault.ReasonConnectionParametersInvalid,
				"the value of header \"Host\" is no host; look at the parameters it is made of")
		}
		e.Request.Host = text
		return nil
	}
}

// headerText returns the text of an expression that is to be sent in a header.
func (s *settings) headerText(x *expression, e *Exchange, name string) (string, error) {
	text, constant := x.constant()
	if !constant {
		var err error
		scope := s.scope(e)
		if text, err = x.text(&scope); err != nil {
			return "", s.explain(err)
		}
	}
	if !request.ValidFieldValue(text) {
		switch scope := s.scope(e); {
		case !x.blames(&scope):
		case s.section == sectionRequest:
			return "", fault.Invalid(fault.ReasonInputInvalid,
				"the connector puts a value of this call into header %q, and it holds characters that cannot be sent there; send it without line breaks and other control characters", name)
		default:
			return "", s.failed("what is put into header %q of the answer holds characters that cannot stand there; the API has to be asked why", name)
		}
		return "", fault.Precondition(fault.ReasonConnectionParametersInvalid,
			"the value of header %q holds characters that cannot be sent; look at the parameters it is made of", name)
	}
	return text, nil
}

// set writes a field as the action says.
func set(target map[string][]string, name, text string, action action) {
	switch {
	case action == appendTo && name == "User-Agent" && len(target[name]) > 0:
		// A list of products in one line (RFC 9110, section 10.1.5); two lines are none.
		target[name] = []string{strings.Join(append(slices.Clone(target[name]), text), " ")}
	case action == appendTo:
		target[name] = append(target[name], text)
	case action == skip && len(target[name]) > 0:
	default:
		target[name] = []string{text}
	}
}
