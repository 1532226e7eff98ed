package upstream

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// ErrorRules are the rules of a connector about failures that are for one
// operation, in their order. They are immutable; nil has none.
type ErrorRules struct {
	rules   []errorRule
	success bool // some are for answers below 400
}

type errorRule struct {
	statuses    []statusRange
	path        string
	equals      string
	reason      string
	messagePath string
	message     string
	retry       connectorv1.ErrorRule_Retry
}

type statusRange struct{ from, to int }

// CompileErrorRules compiles the rules that are for an operation; nil if there are
// none, so that its answers are looked at no more than without them.
func CompileErrorRules(operation string, rules []*connectorv1.ErrorRule) (*ErrorRules, error) {
	out := &ErrorRules{}
	for i, rule := range rules {
		if len(rule.GetOperationIds()) > 0 && !slices.Contains(rule.GetOperationIds(), operation) {
			continue
		}
		compiled := errorRule{
			path: dotPath(rule.GetPath()), equals: rule.GetEquals(), reason: rule.GetReason(),
			messagePath: dotPath(rule.GetMessagePath()), message: rule.GetMessage(), retry: rule.GetRetry(),
		}
		for _, text := range rule.GetStatuses() {
			r, ok := parseStatus(text)
			if !ok {
				return nil, fault.Precondition(fault.ReasonDefinitionInvalid,
					"error rule %d of the connector has the status %q, which is neither like \"404\" nor like \"4XX\"; correct it", i+1, text)
			}
			out.success = out.success || r.from < http.StatusBadRequest
			compiled.statuses = append(compiled.statuses, r)
		}
		out.rules = append(out.rules, compiled)
	}
	if len(out.rules) == 0 {
		return nil, nil //nolint:nilnil // no rules are rules too, see the receiver of Diagnose
	}
	return out, nil
}

func parseStatus(text string) (statusRange, bool) {
	if len(text) != 3 || text[0] < '1' || text[0] > '9' {
		return statusRange{}, false
	}
	if strings.EqualFold(text[1:], "xx") {
		from := int(text[0]-'0') * 100
		return statusRange{from, from + 99}, true
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return statusRange{int(n), int(n)}, err == nil
}

// dotPath accepts paths that begin like a JSON path.
func dotPath(text string) string { return strings.TrimPrefix(text, "$.") }

// match returns the first rule that fits; nil if none does.
func (r *ErrorRules) match(resp *Response) *errorRule {
	if r == nil || (resp.Status < http.StatusBadRequest && !r.success) {
		return nil
	}
	for i := range r.rules {
		if r.rules[i].fits(resp) {
			return &r.rules[i]
		}
	}
	return nil
}

func (e *errorRule) fits(resp *Response) bool {
	if !e.covers(resp.Status) {
		return false
	}
	if e.path == "" {
		return true
	}
	value, ok := dotpath.Find(document(resp), e.path)
	if !ok {
		return false
	}
	if e.equals != "" {
		return textOf(value) == e.equals
	}
	return value.Kind() != 'n' && value.Kind() != 'f'
}

func (e *errorRule) covers(status int) bool {
	if len(e.statuses) == 0 {
		return status >= http.StatusBadRequest
	}
	return slices.ContainsFunc(e.statuses, func(r statusRange) bool { return r.from <= status && status <= r.to })
}

// apply puts what the rule says into the problem, and returns the sentence; "" if
// it has none.
func (e *errorRule) apply(p *Problem, resp *Response) string {
	if e.reason != "" {
		p.Reason = e.reason
	}
	switch e.retry {
	case connectorv1.ErrorRule_RETRY_YES:
		p.Retryable = true
	case connectorv1.ErrorRule_RETRY_NO:
		p.Retryable, p.RetryAfter = false, 0
	case connectorv1.ErrorRule_RETRY_UNSPECIFIED:
		p.Retryable = p.Retryable || p.Reason == reasonRateLimited || p.Reason == reasonUnavailable && resp.Status < http.StatusBadRequest
	}
	if e.messagePath != "" {
		if value, ok := dotpath.Find(document(resp), e.messagePath); ok {
			if said := messageIn(value, 0); said != "" {
				return said
			}
		}
	}
	if e.message != "" {
		return e.message
	}
	value, ok := dotpath.Find(document(resp), e.path)
	if !ok || e.path == "" || value.Kind() == 't' {
		return ""
	}
	return messageIn(value, 0)
}

// document is the part of an answer's body that is looked at.
func document(resp *Response) jsontext.Value {
	body := resp.Body[:min(len(resp.Body), maxErrorBody)]
	return jsontext.Value(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
}

// textOf returns a text as it is, and everything else as its JSON text.
func textOf(v jsontext.Value) string {
	if v.Kind() == '"' {
		return plain(v)
	}
	return string(v)
}
