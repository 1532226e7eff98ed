package overlay

import (
	"fmt"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// ValueError is what is wrong with the value of an extension.
type ValueError struct {
	// At is the innermost node that it is about.
	At *document.Node
	// Message is a sentence.
	Message string
	// Remedy says what to do about it.
	Remedy string
}

// Error implements error.
func (m *ValueError) Error() string { return m.Message }

// Explain says what an error of package definition means for an extension, whose value
// was read as what stands at the pointer base of a definition. more are names that may
// have been meant besides those that the error lists.
func Explain(n *document.Node, base string, err error, more ...string) *ValueError {
	f := fault.From(err)
	pointer := f.Meta()["pointer"]
	m := &ValueError{At: n, Message: f.Message(), Remedy: "correct it or remove it"}
	if rest, inside := strings.CutPrefix(pointer, base); inside && rest != "" {
		for token := range strings.SplitSeq(rest[1:], "/") {
			next := m.At.At("/" + token)
			if next == nil {
				break
			}
			m.At = next
		}
	}
	m.Message = strings.ReplaceAll(m.Message, fmt.Sprintf(" at %q", pointer), "")
	if known := f.Meta()["known"]; known != "" {
		names := append(strings.Split(known, ", "), more...)
		if meant := nearest.To(f.Meta()["given"], names); len(meant) > 0 {
			m.Remedy = fmt.Sprintf("did you mean %q?", meant[0])
		}
	}
	return m
}
