package format

import (
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// Places says where the values of a definition stand in its source, for checks that
// look at the definition and have to point at what somebody wrote. It is for one
// goroutine while it is filled. A nil one knows nothing.
type Places struct {
	known map[string]spot
}

// spot is a node of a document that findings are reported in.
type spot struct {
	in *Place
	at *document.Node
}

// Put says that the value at a pointer into the definition is a node of the source.
// Nodes below it stand for values below it, until something else is said of them.
// A node that is nil is nowhere.
func (p *Places) Put(pointer string, in *Place, at *document.Node) {
	if at == nil {
		return
	}
	if p.known == nil {
		p.known = map[string]spot{}
	}
	p.known[pointer] = spot{in, at}
}

// Locate returns a finding that says nothing but where a value of the definition
// stands: in the source, at the value or at what should hold it. The pointer is that
// into the definition where the source does not say the value at all.
func (p *Places) Locate(pointer string) Finding {
	if p == nil {
		return Finding{Pointer: pointer}
	}
	for head := pointer; ; {
		if s, found := p.known[head]; found {
			return s.below(pointer[len(head):])
		}
		last := strings.LastIndexByte(head, '/')
		if last < 0 {
			return Finding{Pointer: pointer}
		}
		head = head[:last]
	}
}

// below is the place of what a pointer leads to from a node, as far as there is
// something.
func (s spot) below(pointer string) Finding {
	at := s.at
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		next := at.At("/" + token)
		if next == nil || pointer == "" {
			break
		}
		at = next
	}
	line, column := s.in.doc.Position(at)
	return Finding{Path: s.in.path, Pointer: at.Pointer(), Line: line, Column: column}
}

// Trial is a definition with policies and custom code that have to be tried.
type Trial struct {
	// Definition is all of it, before operations were selected.
	Definition *connectorv1.Definition
	// Taken is what was selected of it; nil for all.
	Taken *connectorv1.Definition
	// Files are the source.
	Files []File
	// Places are where the values of Definition stand in them; nil if nobody knows.
	Places *Places
}

// Counts returns whether something for the operations with these ids has a meaning for
// what was selected: it is for all of them if there are none.
func (t Trial) Counts() func(ids []string) bool {
	if t.Taken == nil {
		return func([]string) bool { return true }
	}
	taken := make(map[string]bool, len(t.Taken.GetOperations()))
	for _, op := range t.Taken.GetOperations() {
		taken[op.GetOperationId()] = true
	}
	return func(ids []string) bool {
		for _, id := range ids {
			if taken[id] {
				return true
			}
		}
		return len(ids) == 0
	}
}
