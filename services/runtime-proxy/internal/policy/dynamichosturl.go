package policy

import (
	"context"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// dynamicHostURL replaces scheme, host and base path of the request. A value
// without a scheme means https. Where the request ends up is checked after all
// policies, so this cannot carry a credential to a host that it is not bound to.
func dynamicHostURL(s settings) (Step, error) {
	x := s.expression("urlTemplate", dialectURL)
	if text, constant := x.constant(); constant && strings.TrimSpace(text) == "" {
		return nil, problem("urlTemplate must not be empty")
	}
	if text := strings.TrimSpace(s.get("urlTemplate")); hasScheme(text) && !isWeb(text) {
		return nil, problem("urlTemplate must be an http or https address")
	}
	return func(_ context.Context, e *Exchange) error {
		scope := s.scope(e)
		base, err := x.base(&scope)
		if err != nil {
			return s.explain(err)
		}
		e.Request.Base = base
		return nil
	}, nil
}

// base returns the base URL that an expression stands for. A value may be a
// whole URL, or a host with or without a path, where nothing but a path comes
// after it; beside other parts of the host it is nothing but a part of the host.
func (x *expression) base(s *scope) (request.Base, error) {
	var out []byte
	for i := range x.parts {
		p := &x.parts[i]
		if p.Function == literal {
			out = append(out, p.Literal...)
			continue
		}
		value, err := p.value(s)
		if err != nil {
			return request.Base{}, err
		}
		value = strings.TrimSpace(value)
		whole := x.wholeHost(i, value)
		if whole && i+1 < len(x.parts) && x.parts[i+1].Function == literal {
			value = strings.TrimRight(value, "/") // a slash comes next
		}
		if out, err = appendHost(out, value, whole); err != nil {
			return request.Base{}, err
		}
	}
	address := strings.TrimSpace(string(out))
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	base, err := request.ParseBase(address)
	if err != nil {
		return request.Base{}, notAHost("%s", err.Error())
	}
	if base.Host[0] == '.' || strings.Contains(base.Host, "..") {
		return request.Base{}, notAHost("a part of the host is missing")
	}
	return base, nil
}

// wholeHost reports whether nothing of the host comes after a part: what follows, or the
// value itself, begins the path. A value before literal text is a part of the host.
func (x *expression) wholeHost(i int, value string) bool {
	if i+1 == len(x.parts) {
		return true
	}
	next := &x.parts[i+1]
	if next.Function == literal {
		return strings.HasPrefix(next.Literal, "/")
	}
	_, rest, _ := strings.Cut(value, "://")
	return strings.Contains(rest, "/")
}

// appendHost appends a value to the URL that has been written so far.
func appendHost(out []byte, value string, last bool) ([]byte, error) {
	written := string(out)
	if _, after, found := strings.Cut(written, "://"); found {
		written = after
		if _, rest, has := strings.Cut(value, "://"); has && after == "" {
			value = rest // the scheme is there already, and people copy whole addresses
		}
	}
	if strings.Contains(written, "/") {
		return request.AppendEscaped(out, value, "/"), nil
	}
	host := value
	if len(out) == 0 {
		if _, rest, found := strings.Cut(value, "://"); found {
			host = rest
		}
	}
	if (!last || written != "") && strings.IndexFunc(host, notInHost) >= 0 {
		return nil, notAHost("a part of the host holds characters that no host has")
	}
	return append(out, value...), nil
}

func notInHost(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
}

func notAHost(format string, args ...any) error {
	return fault.Precondition(fault.ReasonConnectionParametersInvalid,
		"the host of the API cannot be worked out: "+format+"; look at the connection's parameters", args...)
}
