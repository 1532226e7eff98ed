package edge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
)

// Headers that say what the answer of an API does not: its body is the API's own.
const (
	// NextLink is where a list goes on, for the parameter link of another call.
	NextLink = "Ferrule-Next-Link"
	// ListEnd says, of a list that was followed, what it ended with: "COMPLETE",
	// "MAX_ITEMS", "MAX_PAGES" or "FAILED".
	ListEnd = "Ferrule-List-End"
	// NextInput is what of the input another call has to change to go on with a list
	// that a limit cut: a JSON merge patch (RFC 7396). It is ASCII, and left out if it
	// does not fit into [maxAnnotation].
	NextInput = "Ferrule-Next-Input"
	// Replayed is "true" if an earlier answer was given again.
	Replayed = "Ferrule-Replayed"
	// Attempts is how often the request was sent.
	Attempts = "Ferrule-Attempts"
	// Findings is a JSON array of the differences between the answer and its schema,
	// objects with "pointer" and "message". It is ASCII, and ends with the last one
	// that fits into [maxAnnotation].
	Findings = "Ferrule-Findings"
	// Logs is a JSON array of what custom code logged, objects with "level" and
	// "message", with the limits of [Findings].
	Logs = "Ferrule-Logs"
	// Truncated names what did not fit: "findings", "logs" or "next input", with
	// commas between them.
	Truncated = "Ferrule-Truncated"
)

// maxAnnotation bounds a header with a JSON array, in bytes: the headers of an
// answer have to get through proxies.
const maxAnnotation = 8 << 10

// annotate sets the headers that an answer has a reason for.
func annotate(header http.Header, answer invocation) {
	explain(header, answer.GetError())
	if link := answer.GetNextLink(); link != "" {
		header.Set(NextLink, link)
	}
	var cut []string
	if end := answer.GetListEnd(); end != runtimev1.ListEnd_LIST_END_UNSPECIFIED {
		header.Set(ListEnd, strings.TrimPrefix(end.String(), "LIST_END_"))
	}
	if change := ascii(string(answer.GetNextInput())); len(change) > maxAnnotation {
		cut = append(cut, "next input")
	} else if change != "" {
		header.Set(NextInput, change)
	}
	if answer.GetReplayed() {
		header.Set(Replayed, "true")
	}
	if n := answer.GetAttempts(); n > 0 {
		header.Set(Attempts, strconv.Itoa(int(n)))
	}
	for _, list := range []struct {
		header, what string
		members      []member
	}{{Findings, "findings", findings(answer)}, {Logs, "logs", logs(answer)}} {
		text, whole := array(list.members)
		if len(list.members) > 0 {
			header.Set(list.header, text)
		}
		if !whole {
			cut = append(cut, list.what)
		}
	}
	if len(cut) > 0 {
		header.Set(Truncated, strings.Join(cut, ", "))
	}
}

// member is one entry of an array: a finding or a line of a log.
type member struct {
	Pointer *string `json:"pointer,omitempty"`
	Level   string  `json:"level,omitempty"`
	Message string  `json:"message"`
}

func findings(answer invocation) (out []member) {
	for _, f := range answer.GetFindings() {
		pointer := f.GetPointer() // empty is the whole body
		out = append(out, member{Pointer: &pointer, Message: f.GetMessage()})
	}
	return out
}

func logs(answer invocation) (out []member) {
	for _, l := range answer.GetLogs() {
		out = append(out, member{Level: l.GetLevel(), Message: l.GetMessage()})
	}
	return out
}

// array writes as many members as fit, and tells whether those are all.
func array(members []member) (text string, whole bool) {
	var b strings.Builder
	b.WriteByte('[')
	for n, m := range members {
		data, err := json.Marshal(m)
		if err != nil {
			return b.String() + "]", false
		}
		one := ascii(string(data))
		if b.Len()+len(one)+len(",]") > maxAnnotation {
			return b.String() + "]", false
		}
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(one)
	}
	return b.String() + "]", true
}

// ascii escapes what is not: only that travels through every proxy unchanged. The
// text stays the same JSON.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r >= ' ' && r < 0x7f {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return b.String()
}
