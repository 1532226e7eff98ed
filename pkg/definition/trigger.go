package definition

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	// maxPollPages is the number of pages that one poll follows at most.
	maxPollPages = 100
	// maxTolerance is how far the time of a signature may lie from ours at most.
	maxTolerance = 24 * time.Hour
)

// polling checks how a polling trigger works.
func (v *validation) polling(at string, p *connectorv1.PollingTrigger) {
	if id := p.GetNotificationOperationId(); id != "" {
		v.refers(at+"/notificationOperationId", id)
	}
	v.dotPath(at+"/itemsPath", p.GetItemsPath())
	v.dotPath(at+"/keyPath", p.GetKeyPath())
	v.dotPath(at+"/versionPath", p.GetVersionPath())
	if p.GetVersionPath() != "" && p.GetReport() != connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED {
		v.wrong(at+"/versionPath", "has a meaning only where \"report\" is \"CREATED_OR_CHANGED\"")
	}
	if n := p.GetMaxPages(); n < 0 || n > maxPollPages {
		v.wrong(at+"/maxPages", "must be 1 to %d, or absent, not %d", maxPollPages, n)
	}
	for i, c := range p.GetCursors() {
		one := fmt.Sprintf("%s/cursors/%d", at, i)
		if c.GetParameter() == "" {
			v.wrong(one+"/parameter", "must name the parameter that takes the value")
		}
		v.dotPath(one+"/itemsPath", c.GetItemsPath())
		v.dotPath(one+"/valuePath", c.GetValuePath())
		if t := c.GetTemplate(); t != "" && !strings.Contains(t, "{value}") {
			v.wrong(one+"/template", "must contain \"{value}\", and %q does not", t)
		}
	}
}

// pointer complains about what is no JSON pointer (RFC 6901); empty is the whole.
func (v *validation) pointer(at, text string) {
	rest := strings.NewReplacer("~0", "", "~1", "").Replace(text)
	if text != "" && !strings.HasPrefix(text, "/") || strings.Contains(rest, "~") {
		v.wrong(at, "must be a JSON pointer, such as \"/body/url\", not %q", text)
	}
}

// webhook checks how a webhook trigger works.
func (v *validation) webhook(at string, w *connectorv1.WebhookTrigger) {
	for _, other := range []struct{ member, id string }{
		{"unsubscribeOperationId", w.GetUnsubscribeOperationId()},
		{"listOperationId", w.GetListOperationId()},
		{"getOperationId", w.GetGetOperationId()},
		{"renewal/operationId", w.GetRenewal().GetOperationId()},
	} {
		if other.id != "" {
			v.refers(at+"/"+other.member, other.id)
		}
	}
	v.pointer(at+"/callbackPointer", w.GetCallbackPointer())
	for i, suffix := range w.GetCallbackSuffixes() {
		if !IsCallbackSuffix(suffix) {
			v.wrong(fmt.Sprintf("%s/callbackSuffixes/%d", at, i), "must begin with a slash and be constant text without a query, at most %d bytes, not %q", maxCallbackSuffix, suffix)
		}
	}
	v.dotPath(at+"/itemsPath", w.GetItemsPath())
	v.answers(at+"/unsubscribeInputs", w.GetUnsubscribeInputs())
	known := WebhookHandshakes()
	for i, name := range w.GetHandshakes() {
		if !slices.Contains(known, name) {
			v.wrong(fmt.Sprintf("%s/handshakes/%d", at, i), "must be one of %s, not %q", strings.Join(known, ", "), name)
		}
	}
	if s := w.GetSignature(); s != nil {
		v.signature(at+"/signature", s)
	}
	if r := w.GetRenewal(); r != nil {
		v.answers(at+"/renewal/inputs", r.GetInputs())
		v.pointer(at+"/renewal/expirePointer", r.GetExpirePointer())
		v.pointer(at+"/renewal/inputExpirePointer", r.GetInputExpirePointer())
		if r.GetLifetime() != nil && r.GetLifetime().AsDuration() <= 0 {
			v.wrong(at+"/renewal/lifetime", "must be longer than nothing")
		}
	}
}

// maxCallbackSuffix is the longest text that an API adds to a callback URL, in bytes.
const maxCallbackSuffix = 256

// IsCallbackSuffix reports whether text is what an API may add to the path of a callback
// URL, see ferrule.connector.v1.WebhookTrigger: a path without expressions, query,
// fragment or escapes.
func IsCallbackSuffix(text string) bool {
	return len(text) > 1 && len(text) <= maxCallbackSuffix && text[0] == '/' && !strings.ContainsAny(text, "{}?#%$\\ \t\r\n") &&
		path.Clean(text) == strings.TrimSuffix(text, "/")
}

// answers checks what is taken from an answer into a call.
func (v *validation) answers(at string, values []*connectorv1.AnswerValue) {
	for i, a := range values {
		one := fmt.Sprintf("%s/%d", at, i)
		if a.GetInputPointer() == "" {
			v.wrong(one+"/inputPointer", "must say where the value goes")
		}
		v.pointer(one+"/inputPointer", a.GetInputPointer())
		v.pointer(one+"/answerPointer", a.GetAnswerPointer())
	}
}

// signature checks the words of a signature. Whether they fit together is up to the
// scheme.
func (v *validation) signature(at string, s *connectorv1.WebhookSignature) {
	if !slices.Contains(WebhookSchemes(), s.GetScheme()) {
		v.wrong(at+"/scheme", "must be a scheme such as \"hmac\", or a preset such as \"github\", and %q is neither", s.GetScheme())
	}
	v.pointer(at+"/secretPointer", s.GetSecretPointer())
	for _, w := range []struct{ member, value, words string }{
		{"encoding", s.GetEncoding(), "hex base64"},
		{"algorithm", s.GetAlgorithm(), "sha1 sha256 sha512"},
		{"timestampFormat", s.GetTimestampFormat(), "unix unix-milli rfc3339"},
		{"headerFormat", s.GetHeaderFormat(), "pairs words"},
		{"keyEncoding", s.GetKeyEncoding(), "text base64 hex"},
	} {
		if words := strings.Fields(w.words); w.value != "" && !slices.Contains(words, w.value) {
			v.wrong(at+"/"+w.member, "must be one of %s, not %q", strings.Join(words, ", "), w.value)
		}
	}
	if t := s.GetTolerance(); t != nil && (t.AsDuration() < 0 || t.AsDuration() > maxTolerance) {
		v.wrong(at+"/tolerance", "must be at most a day, not %v", t.AsDuration())
	}
}
