package inject

import (
	"bytes"
	"encoding/xml"
	"mime"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// derived is a value that was worked out of secrets, and is one itself.
type derived struct {
	value secret.Text
	of    slots    // the secrets in it
	forms []string // see formsOf; nil until somebody needs them
}

// maxDerived is how long all values together may be that a call works out of secrets,
// in bytes: they are keys, signatures and what is put around them, no documents.
const maxDerived = 256 << 10

// stands reports whether a handle with that slot stands for anything.
func (h *Handles) stands(slot int) bool { return slot < len(h.credential.values)+len(h.derived) }

// reveal returns what a slot stands for, which then is in the request.
func (h *Handles) reveal(slot int, escape func(string) string) (out string) {
	var value secret.Text
	if own := len(h.credential.values); slot < own {
		value = h.credential.values[slot]
		h.carried.add(slot)
	} else {
		d := &h.derived[slot-own]
		value = d.value
		h.carried.join(d.of)
	}
	_ = value.Use(reveal.Grant(), func(b []byte) error { out = escape(string(b)); return nil })
	return out
}

// Compute works out a value for code that must not see secrets. f gets the inputs
// with secrets in the place of handles, and must keep nothing of them. If there
// were any, what it returns is a secret too: the result is a handle for it.
//
// A call has room for 256 handles, and for 256 KiB of what was worked out; more is
// SCRIPT_LIMIT_EXCEEDED.
func (h *Handles) Compute(inputs [][]byte, f func(plain [][]byte) ([]byte, error)) (out []byte, hidden bool, err error) {
	before, of := h.carried, slots{}
	plain := make([][]byte, len(inputs))
	defer func() {
		for i := range plain {
			if len(plain[i]) > 0 && &plain[i][0] != &inputs[i][0] {
				clear(plain[i])
			}
		}
	}()
	for i, in := range inputs {
		plain[i] = in
		if h.prefix == "" || !bytes.Contains(in, []byte(h.prefix)) {
			continue
		}
		h.carried = slots{}
		text, err := h.replace(string(in), asIs)
		if err != nil {
			h.carried = before
			return nil, false, err
		}
		plain[i] = []byte(text)
		hidden = hidden || h.carried != (slots{})
		of.join(h.carried)
	}
	h.carried = before // nothing of it is in the request yet
	out, err = f(plain)
	if err != nil || !hidden {
		return out, false, err
	}
	slot := len(h.credential.values) + len(h.derived)
	if slot >= maxSlots {
		clear(out)
		return nil, false, fault.Precondition(fault.ReasonScriptLimitExceeded,
			"the custom code works out more than %d values of secrets in one call; work out fewer", maxSlots-len(h.credential.values)).
			With("limit", "secrets").With("allowed", "256")
	}
	if h.worked += len(out); h.worked > maxDerived {
		clear(out)
		return nil, false, tooMuch("what it works out of secrets in one call has", maxDerived)
	}
	h.derived = append(h.derived, derived{value: secret.New(out), of: of})
	clear(out)
	return []byte(h.of(slot)), true, nil
}

// Spread says that code which moves text about has seen the request: handles may
// be in its body too.
func (h *Handles) Spread() { h.spread = true }

// revealBody replaces handles in the body by what they stand for, written as the
// media type wants it.
func (h *Handles) revealBody(req *request.Request) error {
	if !h.spread || !bytes.Contains(req.Body, []byte(h.prefix)) {
		return nil
	}
	text, err := h.replace(string(req.Body), escapeFor(req.HeaderValue("Content-Type")))
	if err == nil {
		req.Body = []byte(text)
	}
	return err
}

// escapeFor returns how text is written inside a body of a media type. In those
// that are not known it is written as it is.
func escapeFor(contentType string) func(string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
		return asIs
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return escapeJSON
	case kind == "application/x-www-form-urlencoded":
		return request.Escape
	case kind == "text/xml" || kind == "application/xml" || strings.HasSuffix(kind, "+xml"):
		return escapeXML
	}
	return asIs
}

func escapeJSON(text string) string {
	quoted, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(text, "\uFFFD"))
	if err != nil {
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

func escapeXML(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a strings.Builder takes everything
	return out.String()
}

// Conceal returns text without the secrets of the call, those that were worked
// out and handles included: for code that sees what an API answers.
func (h *Handles) Conceal(text string) string {
	for i := range h.derived { // before the secrets that are parts of them
		d := &h.derived[i]
		if d.forms == nil {
			d.forms = formsOf(d.value)
		}
		text = redact(text, func(f func(form []byte)) {
			for _, form := range d.forms {
				f([]byte(form))
			}
		})
	}
	return h.Hide(h.credential.Redact(text))
}
