package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// Headers with which the server says what the API did not.
const (
	upstreamStatus   = "Ferrule-Upstream-Status" // marks an answer as the API's own
	upstreamLocation = "Ferrule-Upstream-Location"
	nextLink         = "Ferrule-Next-Link"
	replayed         = "Ferrule-Replayed"
	findings         = "Ferrule-Findings"
	scriptLogs       = "Ferrule-Logs"
	truncated        = "Ferrule-Truncated"
	errorReason      = "Ferrule-Error-Reason"
	errorMessage     = "Ferrule-Error-Message" // percent-encoded
	errorRetryable   = "Ferrule-Error-Retryable"
)

// printAnswer prints what the API answered, or returns what failed on our side.
func (a *app) printAnswer(res *http.Response, headers bool) error {
	if res.Header.Get(upstreamStatus) == "" {
		return rest.Error(res)
	}
	if headers {
		_, _ = fmt.Fprintf(a.Err, "%s\n", res.Status)
		_ = res.Header.Write(a.Err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if !a.json() && isJSON(res.Header.Get("Content-Type")) {
		body = indent(body)
	}
	if _, err := a.Out.Write(body); err != nil {
		return err
	}
	if len(body) > 0 && body[len(body)-1] != '\n' && !isBinary(body) {
		a.printf("\n")
	}
	if !a.json() {
		a.printAside(res.Header)
	}
	to := cmp.Or(res.Header.Get(upstreamLocation), res.Header.Get("Location"))
	switch {
	case res.StatusCode >= http.StatusBadRequest || res.Header.Get(errorReason) != "":
		a.printProblem(res)
		return errReported
	case res.StatusCode/100 == 3 && to != "":
		a.progress("the API answered %s and points to %s; not followed", res.Status, to)
	case res.StatusCode/100 == 3: // it has no body that would say so
		a.progress("the API answered %s", res.Status)
	}
	return nil
}

// printProblem tells people what an answer means that reports a failure, and what to
// do about it.
func (a *app) printProblem(res *http.Response) {
	said := res.Header.Get(errorMessage)
	if text, err := url.PathUnescape(said); err == nil {
		said = text
	}
	if said == "" {
		a.progress("the API answered %s", res.Status)
	} else {
		a.progress("the API answered %s: %s", res.Status, said)
	}
	if reason := res.Header.Get(errorReason); reason != "" {
		a.progress("  reason: %s", reason)
	}
	if res.Header.Get(errorRetryable) != "true" {
		return
	}
	switch wait := res.Header.Get("Retry-After"); {
	case wait == "":
		a.progress("  the same call may succeed later")
	case strings.Trim(wait, "0123456789") == "":
		a.progress("  try again after %s s", wait)
	default:
		a.progress("  try again after %s", wait)
	}
}

// printAside tells people what the server knows beside the API's own words.
func (a *app) printAside(header http.Header) {
	var entries []struct{ Pointer, Level, Message string }
	if json.Unmarshal([]byte(header.Get(scriptLogs)), &entries) == nil {
		for _, line := range entries {
			a.progress("%s: %s", line.Level, line.Message)
		}
	}
	entries = nil
	if json.Unmarshal([]byte(header.Get(findings)), &entries) == nil && len(entries) > 0 {
		a.progress("the answer is not as its schema says:")
		for _, f := range entries {
			a.progress("  %s: %s", cmp.Or(f.Pointer, "the whole body"), f.Message)
		}
	}
	if cut := header.Get(truncated); cut != "" {
		a.progress("there are more %s than were sent", strings.ReplaceAll(cut, ", ", " and "))
	}
	if header.Get(replayed) == "true" {
		a.progress("the API was not asked: this is an earlier answer, or that of a mock")
	}
	if link := header.Get(nextLink); link != "" {
		a.progress("the list goes on: --all follows it, and so does --link '%s'", link)
	}
}

func isJSON(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// indent makes JSON readable; what is not JSON stays as it is.
func indent(body []byte) []byte {
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, body, "", "  "); err != nil {
		return body
	}
	return pretty.Bytes()
}

func isBinary(body []byte) bool { return bytes.IndexByte(body, 0) >= 0 }
