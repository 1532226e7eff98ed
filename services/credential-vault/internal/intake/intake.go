// Package intake makes secrets fit to be kept: it looks at them once, when their
// owner sends them, so that nobody has to later.
//
// [Text] is for keys, passwords and tokens, [Certificate] for client certificates
// in any of the forms in which people have them:
//
//	kept, wrong := intake.Text(sent, intake.Header)
//	kept, wrong := intake.Certificate(sent, password, now)
//
// What is wrong is said in words that follow the name of a field and never
// repeat any part of the value. A result that is not the value itself is a new
// secret, which the caller clears.
package intake

import (
	"bytes"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

// Use is what a text is for.
type Use int

const (
	// Anything is a text that reaches no header: only the whitespace around it is
	// removed.
	Anything Use = iota
	// Header is a text that becomes part of a header: it must not hold control
	// characters.
	Header
	// Password is one for a header, in which spaces may be meant: only line breaks
	// around it are removed.
	Password
)

// pemBegin begins every PEM block (RFC 7468).
var pemBegin = []byte("-----BEGIN ")

// Text returns a text as it is kept, and what is wrong with it, "" if nothing
// is. A key that was pasted with spaces or a line break around it is kept
// without them, silently. Line breaks within are allowed in PEM blocks only.
func Text(value secret.Text, use Use) (kept secret.Text, wrong string) {
	err := value.Use(reveal.Grant(), func(sent []byte) error {
		cutset := " \t\r\n"
		if use == Password {
			cutset = "\r\n"
		}
		trimmed := bytes.Trim(sent, cutset)
		switch {
		case len(sent) > 0 && len(trimmed) == 0:
			wrong = "holds nothing but whitespace"
		case use != Anything && !bytes.HasPrefix(trimmed, pemBegin) && bytes.ContainsFunc(trimmed, control):
			wrong = "holds a line break or another control character, which cannot be sent in a header: paste the value alone, on one line"
		case len(trimmed) == len(sent):
			kept = value
		default:
			kept = secret.New(trimmed)
		}
		return nil
	})
	if err != nil {
		return secret.Text{}, "cannot be read"
	}
	return kept, wrong
}

// control reports whether a character cannot be part of a header's value
// (RFC 9110, section 5.5); bytes that are not UTF-8 can.
func control(r rune) bool { return r < 0x20 && r != '\t' || r == 0x7f }
