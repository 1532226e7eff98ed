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
)

// ErrorRules are the rules of a connector about failures that are for one
// operation, in their order. They are immutable; nil has none.
type ErrorRules struct {
	rules   []errorRule
	success bool // some are for answers below 400
}

type errorRule struct {
	statuses    []statusRange
	path        []string
	equals      string
	reason      string
	messagePath []string
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

func dotPath(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimPrefix(text, "$."), ".")
}

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
	if len(e.path) == 0 {
		return true
	}
	value, ok := lookup(document(resp), e.path)
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
	if len(e.messagePath) > 0 {
		if value, ok := lookup(document(resp), e.messagePath); ok {
			if said := messageIn(value, 0); said != "" {
				return said
			}
		}
	}
	if e.message != "" {
		return e.message
	}
	value, ok := lookup(document(resp), e.path)
	if !ok || len(e.path) == 0 || value.Kind() == 't' {
		return ""
	}
	return messageIn(value, 0)
}

// document is the part of an answer's body that is looked at.
func document(resp *Response) jsontext.Value {
	body := resp.Body[:min(len(resp.Body), maxErrorBody)]
	return jsontext.Value(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))))
}

// lookup follows a dot path. A number is an index where it meets an array. A name
// may have dots itself, as in "odata.error.code": the shortest one that exists is
// followed.
func lookup(v jsontext.Value, path []string) (jsontext.Value, bool) {
	if len(path) == 0 {
		return v, len(v) > 0
	}
	switch v.Kind() {
	case '[':
		index, err := strconv.ParseUint(path[0], 10, 16)
		if err != nil {
			return nil, false
		}
		all := items(v)
		if index >= uint64(len(all)) {
			return nil, false
		}
		return lookup(all[index], path[1:])
	case '{':
		fields, name, rest := fieldsOf(v), path[0], path[1:]
		for {
			if value, ok := fields[name]; ok {
				if found, ok := lookup(value, rest); ok {
					return found, true
				}
			}
			if len(rest) == 0 {
				return nil, false
			}
			name, rest = name+"."+rest[0], rest[1:]
		}
	default: // nothing is below a text or a number
	}
	return nil, false
}

// textOf returns a text as it is, and everything else as its JSON text.
func textOf(v jsontext.Value) string {
	if v.Kind() == '"' {
		return plain(v)
	}
	return string(v)
}
