// Package selection takes some operations out of a definition.
//
// An entry of a selection is an operation id ("GetItem"), a tag ("tag:users"), a
// path ("/users/{id}") or a method and a path ("GET /users/{id}"). In all of
// them "*" stands for any text without "/", and "**" for any text.
//
//	s, err := selection.Parse([]string{"tag:users"}, []string{"DELETE /**"})
//	def, findings, err := s.Apply(def)
//
// What is left still works: operations that the chosen ones need (the one that
// removes a webhook, those that supply values to choose from) stay, hidden from
// people, and whatever nothing refers to any more is gone.
package selection

import (
	"fmt"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// The limits of a selection.
const (
	// MaxEntries is the greatest number of entries of each kind.
	MaxEntries = 1000
	// MaxEntryBytes is the greatest length of an entry.
	MaxEntryBytes = 1024
	// MaxPatternBytes is the greatest length of all entries with "*" together.
	MaxPatternBytes = 32 << 10
)

// The codes of findings.
const (
	// CodeUnmatched: an entry chooses no operation.
	CodeUnmatched = "SelectionUnmatched"
	// CodeKept: an operation that was not chosen stays, hidden, since another
	// needs it.
	CodeKept = "SelectionKeptInternal"
	// CodeReferenceRemoved: an operation was excluded although another needs it.
	CodeReferenceRemoved = "SelectionReferenceRemoved"
)

// Selection chooses operations. It is immutable and safe for concurrent use.
type Selection struct {
	only, except []entry
}

// entry is one line of a selection.
type entry struct {
	text   string // as written
	method string // upper case; empty means any
	of     part
	glob   *glob  // nil if the entry has no "*"
	exact  string // what it must be equal to, if glob is nil
}

// part is the part of an operation that an entry looks at.
type part int

const (
	byID part = iota
	byTag
	byPath
)

// Parse reads entries: only operations that one of the first chooses (all, if
// there are none), and none that one of the second chooses. What is empty, too
// long or too much is INVALID_ARGUMENT.
func Parse(only, except []string) (*Selection, error) {
	s := &Selection{}
	patterns := 0
	for _, list := range []struct {
		name    string
		entries []string
		to      *[]entry
	}{{"only", only, &s.only}, {"except", except, &s.except}} {
		if len(list.entries) > MaxEntries {
			return nil, invalid("selection."+list.name, "there are %d entries and at most %d are accepted; use \"*\"", len(list.entries), MaxEntries)
		}
		for i, text := range list.entries {
			field := fmt.Sprintf("selection.%s[%d]", list.name, i)
			if text == "" || len(text) > MaxEntryBytes {
				return nil, invalid(field, "an entry must have 1 to %d bytes, not %d", MaxEntryBytes, len(text))
			}
			e := parseEntry(text)
			if e.glob != nil {
				patterns += len(text)
			}
			if patterns > MaxPatternBytes {
				return nil, invalid(field, "the entries with \"*\" have more than %d bytes; use fewer", MaxPatternBytes)
			}
			*list.to = append(*list.to, e)
		}
	}
	return s, nil
}

func invalid(field, message string, args ...any) error {
	text := fmt.Sprintf(message, args...)
	return fault.Invalid(fault.ReasonInvalidArgument, "%s", text).Field(field, text)
}

func parseEntry(text string) entry {
	e := entry{text: text, exact: text}
	if tag, ok := strings.CutPrefix(text, "tag:"); ok {
		e.of, e.exact = byTag, tag
	} else if method, path, ok := strings.Cut(text, " "); ok && strings.HasPrefix(path, "/") {
		e.of, e.exact, e.method = byPath, path, strings.ToUpper(method)
		if method == "*" {
			e.method = ""
		}
	} else if strings.HasPrefix(text, "/") {
		e.of = byPath
	}
	if strings.Contains(e.exact, "*") {
		e.glob = compile(e.exact)
	}
	return e
}

// chooses reports whether the entry means the operation. An operation whose id
// is the entry is meant, even if the entry looks like something else.
func (e *entry) chooses(op *connectorv1.Operation) bool {
	if op.GetOperationId() == e.text {
		return true
	}
	switch e.of {
	case byTag:
		return slices.ContainsFunc(op.GetTags(), e.matches)
	case byPath:
		return (e.method == "" || e.method == op.GetMethod()) && op.GetPath() != "" && e.matches(op.GetPath())
	default:
		return e.matches(op.GetOperationId())
	}
}

func (e *entry) matches(text string) bool {
	if e.glob == nil {
		return text == e.exact
	}
	return e.glob.match(text)
}

// Apply returns the definition with the chosen operations and what they need.
// It shares what is unchanged with def, which stays as it is. The findings say
// what stays although it was not chosen, what goes although it is needed, and
// which entries choose nothing. SELECTION_EMPTY is for a selection that chooses
// no operation at all.
func (s *Selection) Apply(def *connectorv1.Definition) (*connectorv1.Definition, []format.Finding, error) {
	if len(s.only) == 0 && len(s.except) == 0 {
		return def, nil, nil
	}
	c := newChoice(def)
	only := c.mark(s.only)
	c.excluded = c.mark(s.except)
	for i := range def.GetOperations() {
		c.chosen[i] = (len(s.only) == 0 || only[i]) && !c.excluded[i]
	}
	if !slices.Contains(c.chosen, true) {
		return nil, nil, s.empty()
	}
	return c.reduce(), c.sorted(), nil
}

func (s *Selection) empty() error {
	err := fault.Invalid(fault.ReasonSelectionEmpty,
		"the selection chooses no operation; look at the ids, tags and paths of the description")
	for name, list := range map[string][]entry{"only": s.only, "except": s.except} {
		texts := make([]string, 0, min(len(list), 10))
		for _, e := range list[:min(len(list), 10)] {
			texts = append(texts, e.text)
		}
		if len(texts) > 0 {
			err = err.With(name, strings.Join(texts, ", "))
		}
	}
	return err
}
