package definition

import (
	"fmt"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// The bounds of what a connector says about limits, failures and keeping answers.
const (
	// MaxRateCalls and MaxRatePeriod bound a rate limit; the period is in seconds.
	MaxRateCalls  = 1_000_000_000
	MaxRatePeriod = 86_400
	// MaxCacheAge is the longest time in seconds for which answers are kept.
	MaxCacheAge = 86_400
	// MaxCost is the most that one call takes of the rate limits.
	MaxCost = 1_000_000
	// MaxRules is the greatest number of rate limits, and of rules about failures.
	MaxRules = 1000
	// MaxDotPath is the greatest length of a dot path in bytes.
	MaxDotPath = 1024
	// MaxReason is the greatest length of a reason in bytes.
	MaxReason = 63
	// MaxScriptBytes is the greatest length of custom code.
	MaxScriptBytes = 1 << 20
)

// limits checks the rate limits.
func (v *validation) limits() {
	if len(v.def.GetRateLimits()) > MaxRules {
		v.wrong("/rateLimits", "must be at most %d", MaxRules)
		return
	}
	for i, l := range v.def.GetRateLimits() {
		at := fmt.Sprintf("/rateLimits/%d", i)
		if l.GetScope() == connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_UNSPECIFIED {
			v.wrong(at+"/scope", "must be given, for instance \"CONNECTION\"")
		}
		v.between(at+"/calls", l.GetCalls(), 1, MaxRateCalls)
		v.between(at+"/periodSeconds", l.GetPeriodSeconds(), 1, MaxRatePeriod)
	}
}

// between complains about a number outside of a range.
func (v *validation) between(at string, number, least, most int32) {
	if number < least || number > most {
		v.wrong(at, "must be %d to %d, not %d", least, most, number)
	}
}

// failures checks the rules about failures.
func (v *validation) failures() {
	if len(v.def.GetErrorRules()) > MaxRules {
		v.wrong("/errorRules", "must be at most %d", MaxRules)
		return
	}
	for i, r := range v.def.GetErrorRules() {
		at := fmt.Sprintf("/errorRules/%d", i)
		for j, id := range r.GetOperationIds() {
			v.refers(fmt.Sprintf("%s/operationIds/%d", at, j), id)
		}
		for j, status := range r.GetStatuses() {
			if !isStatus(status) {
				v.wrong(fmt.Sprintf("%s/statuses/%d", at, j), "must be like \"404\" or \"4XX\", not %.80q", status)
			}
		}
		v.dotPath(at+"/path", r.GetPath())
		v.dotPath(at+"/messagePath", r.GetMessagePath())
		if r.GetEquals() != "" && r.GetPath() == "" {
			v.wrong(at+"/path", "must say where the text of \"equals\" is")
		}
		if !isReason(r.GetReason()) {
			v.wrong(at+"/reason", "must be capital letters, digits and \"_\" after a letter, at most %d, not %.80q", MaxReason, r.GetReason())
		}
	}
}

// isStatus tells a status of HTTP, or a class of them.
func isStatus(s string) bool {
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return false
	}
	return strings.EqualFold(s[1:], "XX") || isDigit(s[1]) && isDigit(s[2])
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isReason tells a reason as machines know it (google.rpc.ErrorInfo); none is one.
func isReason(s string) bool {
	for i := range len(s) {
		isLetter := 'A' <= s[i] && s[i] <= 'Z'
		if !isLetter && (i == 0 || !isDigit(s[i]) && s[i] != '_') {
			return false
		}
	}
	return len(s) <= MaxReason
}

// dotPath checks a dot path; none leads to the whole body.
func (v *validation) dotPath(at, path string) {
	switch {
	case path == "":
	case len(path) > MaxDotPath:
		v.wrong(at, "must have at most %d bytes", MaxDotPath)
	case hasControl(path):
		v.wrong(at, "must not hold control characters")
	case strings.HasPrefix(path, "/"):
		v.wrong(at, "must be names with dots between them, like \"data.items\", not the JSON pointer %.80q", path)
	case strings.HasPrefix(path, ".") || strings.HasSuffix(path, ".") || strings.Contains(path, ".."):
		v.wrong(at, "must have a name before and after each dot, unlike %.80q", path)
	}
}

// resilience checks what an operation says about limits, keeping and repeating.
func (v *validation) resilience(at string, op *connectorv1.Operation) {
	v.between(at+"/cost", op.GetCost(), 0, MaxCost)
	if c := op.GetCache(); c != nil {
		v.between(at+"/cache/maxAgeSeconds", c.GetMaxAgeSeconds(), 0, MaxCacheAge)
		if !op.GetSafety().GetSafe() {
			v.wrong(at+"/cache", "must not be there: the operation is not safe (\"safety\"), so that answers cannot be given again")
		}
	}
	if name := op.GetIdempotencyKeyHeader(); name != "" {
		if text := checkHeader(name); text != "" {
			v.wrong(at+"/idempotencyKeyHeader", "%s", text)
		}
	}
	v.pagination(at+"/pagination", op)
}

// pagination checks how the rest of a list is asked for. The member with the next
// link is called what the source calls it.
func (v *validation) pagination(at string, op *connectorv1.Operation) {
	p := op.GetPagination()
	v.dotPath(at+"/itemsPath", p.GetItemsPath())
	switch {
	case p.GetOffset() != nil:
		o, at := p.GetOffset(), at+"/offset"
		v.input(at+"/offsetInput", op, o.GetOffsetInput(), required)
		v.input(at+"/limitInput", op, o.GetLimitInput(), optional)
		v.size(at, o.GetLimitInput(), o.GetDefaultLimit())
		v.dotPath(at+"/totalPath", o.GetTotalPath())
	case p.GetPageNumber() != nil:
		n, at := p.GetPageNumber(), at+"/pageNumber"
		v.input(at+"/pageInput", op, n.GetPageInput(), required)
		v.input(at+"/limitInput", op, n.GetLimitInput(), optional)
		v.size(at, n.GetLimitInput(), n.GetDefaultLimit())
		if n.GetFirstPage() < 0 {
			v.wrong(at+"/firstPage", "must not be negative")
		}
		v.dotPath(at+"/totalPagesPath", n.GetTotalPagesPath())
	case p.GetCursor() != nil:
		v.cursor(at+"/cursor", op, p.GetCursor())
	}
}

// size checks the number of items of a page.
func (v *validation) size(at, input string, number int32) {
	switch {
	case number < 0:
		v.wrong(at+"/defaultLimit", "must not be negative")
	case number > 0 && input == "":
		v.wrong(at+"/limitInput", "must say which input takes \"defaultLimit\"")
	}
}

func (v *validation) cursor(at string, op *connectorv1.Operation, c *connectorv1.CursorPagination) {
	v.input(at+"/cursorInput", op, c.GetCursorInput(), required)
	v.dotPath(at+"/cursorPath", c.GetCursorPath())
	v.dotPath(at+"/morePath", c.GetMorePath())
	v.dotPath(at+"/itemCursorPath", c.GetItemCursorPath())
	places := 0
	for _, place := range []string{c.GetCursorPath(), c.GetCursorHeader(), c.GetItemCursorPath()} {
		if place != "" {
			places++
		}
	}
	if places != 1 {
		v.wrong(at, "must say where the next token is, in one of \"cursorPath\", \"cursorHeader\" and \"itemCursorPath\"")
	}
	if name := c.GetCursorHeader(); name != "" && !isHeaderName(name) {
		v.wrong(at+"/cursorHeader", "must be the name of a header, not %.80q", name)
	}
}

// need says whether an input has to be given.
type need int

const (
	optional need = iota
	required
)

// input checks that an input is one of the operation's: a parameter, by its name
// or as "query.name", or a part of the body, as a JSON pointer "/body/name".
func (v *validation) input(at string, op *connectorv1.Operation, name string, n need) {
	switch {
	case name == "" && n == required:
		v.wrong(at, "must name an input of the operation")
	case name == "":
	case strings.HasPrefix(name, "/"):
		head, _, _ := strings.Cut(name[1:], "/")
		if head == "body" && op.GetRequestBody() == nil {
			v.wrong(at, "must be an input of the operation, which has no body")
		} else if head != "body" && !hasInput(op, unescape(name[1:])) {
			v.wrong(at, "must be an input of the operation, and %.80q is none", name)
		}
	case !hasInput(op, name):
		v.wrong(at, "must be an input of the operation, and %.80q is none", name)
	}
}

func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}

// hasInput reports whether an operation has a parameter with this name, with or
// without its location in front.
func hasInput(op *connectorv1.Operation, name string) bool {
	for _, p := range op.GetParameters() {
		location := strings.ToLower(strings.TrimPrefix(p.GetLocation().String(), "PARAMETER_LOCATION_"))
		if name == p.GetName() || name == location+"."+p.GetName() {
			return true
		}
	}
	return false
}

// scripts checks custom code for its size; whether it runs is for those who run it.
func (v *validation) scripts() {
	for i, s := range v.def.GetScripts() {
		if len(s.GetSource()) > MaxScriptBytes {
			v.wrong(fmt.Sprintf("/scripts/%d/source", i), "must have at most %d bytes", MaxScriptBytes)
		}
	}
}
