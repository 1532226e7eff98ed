package edge

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// Headers that say what an answer means that reports a failure. Its status and its
// body stay the API's own.
const (
	// ErrorReason is the stable reason, that of an error of ours too.
	ErrorReason = httperr.ReasonHeader
	// ErrorMessage is one sentence for people, see [percentEncoded].
	ErrorMessage = "Ferrule-Error-Message"
	// ErrorRetryable is "true" if the same call may succeed later, or "false".
	ErrorRetryable = "Ferrule-Error-Retryable"
)

// maxSentence bounds a sentence in a header, in bytes as sent.
const maxSentence = 2 << 10

// explain sets the headers about a failure; there is none if problem is nil. When to
// try again is said in the way of all HTTP, unless the API has said so itself.
func explain(header http.Header, problem *runtimev1.UpstreamError) {
	if problem == nil {
		return
	}
	header.Set(ErrorReason, percentEncoded(problem.GetReason()))
	header.Set(ErrorMessage, percentEncoded(problem.GetMessage()))
	header.Set(ErrorRetryable, strconv.FormatBool(problem.GetRetryable()))
	if wait := problem.GetRetryAfter(); wait != nil && header.Get("Retry-After") == "" {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.AsDuration().Seconds()))))
	}
}

// percentEncoded returns the beginning of a text as ASCII: everything else, control
// characters and the percent sign are UTF-8 in percent-encoding (RFC 3986, section
// 2.1). It ends with a whole character.
func percentEncoded(text string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(text) {
		one := string(r)
		if r < ' ' || r >= 0x7f || r == '%' {
			one = url.PathEscape(one)
		}
		if b.Len()+len(one) > maxSentence {
			break
		}
		b.WriteString(one)
	}
	return b.String()
}
