package format

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// MaxFindings is the greatest number of findings of one import. Past it only
// worse ones are kept, and the last says how many are missing.
const MaxFindings = 1000

// The codes of findings about custom code, which say whether a revision can be
// published.
const (
	// ScriptInvalid: code that cannot run. Its severity is Error.
	ScriptInvalid = "ScriptInvalid"
	// ScriptUnchecked: code that nobody could try, through no fault of its own.
	ScriptUnchecked = "ScriptUnchecked"
)

// The codes of findings about policies that say whether calls can be made, and whether
// a revision can be published.
const (
	// CallsRefused sums up what policies that cannot be applied mean for callers. Its
	// severity is Error.
	CallsRefused = "CallsRefused"
	// PolicyInvalid: a policy that cannot be applied. Its severity is Error.
	PolicyInvalid = "PolicyInvalid"
	// PolicyPlaceholderUnknown: a value that refers to what does not exist. Its severity
	// is Error if calls fail for it.
	PolicyPlaceholderUnknown = "PolicyPlaceholderUnknown"
	// PolicyTemplateUnknown: a template that nobody here can apply. Its severity is
	// Error, and it keeps nothing from being published: packages of other platforms may
	// need it for some of their operations.
	PolicyTemplateUnknown = "PolicyTemplateUnknown"
	// PoliciesInvalid: policies of a package that are no list. Its severity is Error.
	PoliciesInvalid = "PoliciesInvalid"
	// PolicySectionUnknown and PolicyTemplateMissing: policies of a package that cannot
	// be read.
	PolicySectionUnknown  = "PolicySectionUnknown"
	PolicyTemplateMissing = "PolicyTemplateMissing"
	// OperationUnknown: a policy or custom code for an operation that does not exist.
	OperationUnknown = "OperationUnknown"
	// PolicyUnchecked: policies that nobody could try, through no fault of their own.
	PolicyUnchecked = "PolicyUnchecked"
)

// IsTried reports whether findings with this code come from trying policies and custom
// code, and from comparing them with the definition; all others are about the source.
func IsTried(code string) bool {
	switch code {
	case ScriptInvalid, ScriptUnchecked, CallsRefused, OperationUnknown:
		return true
	case PolicySectionUnknown, PolicyTemplateMissing:
		return false
	}
	return strings.HasPrefix(code, "Policy")
}

// ExtensionInvalid is the code of findings about extensions of our own that cannot be
// read. Their severity is Error where calls would do something else than is meant.
const ExtensionInvalid = "ExtensionInvalid"

// Severity says how bad a finding is.
type Severity int

// The severities. A larger one is worse. The numbers are stored.
const (
	// Info is worth knowing.
	Info Severity = 1
	// Warning: something was repaired or ignored.
	Warning Severity = 2
	// Error: the description cannot be used as it is.
	Error Severity = 3
)

// Finding is something that an importer noticed.
type Finding struct {
	// Severity says how bad it is.
	Severity Severity
	// Code is stable, in PascalCase.
	Code string
	// Message says what was found and what was done about it.
	Message string
	// Remedy says how to fix it; empty if nothing needs to be done.
	Remedy string
	// Path is the file; empty if the source is a single document.
	Path string
	// Pointer says where, as a JSON pointer.
	Pointer string
	// Line and Column start at 1; 0 if unknown. Column counts characters.
	Line, Column int
}

// Findings collects what one import notices. It is for one goroutine. The zero
// value is ready.
type Findings struct {
	list    []Finding
	dropped int
	// kept counts those in the list by severity.
	kept [Error + 1]int
}

// In returns the place to report what is found in doc. The findings have its
// path if several files are being read.
func (f *Findings) In(doc *document.Document, severalFiles FileCount) *Place {
	p := &Place{all: f, doc: doc}
	if severalFiles == SeveralFiles {
		p.path = doc.Path()
	}
	return p
}

// FileCount says whether findings need the path of their file.
type FileCount int

const (
	// OneFile needs no path.
	OneFile FileCount = iota
	// SeveralFiles needs paths.
	SeveralFiles
)

// Place is one document that findings are reported in.
type Place struct {
	all  *Findings
	doc  *document.Document
	path string
}

// Report adds a finding about a node of the document; nil is the document as a
// whole. The format is for the message.
func (p *Place) Report(s Severity, code string, at *document.Node, remedy, format string, args ...any) {
	p.all.add(func() Finding {
		line, column := p.doc.Position(at)
		return Finding{
			Severity: s, Code: code, Message: fmt.Sprintf(format, args...), Remedy: remedy,
			Path: p.path, Pointer: at.Pointer(), Line: line, Column: column,
		}
	}, s)
}

// add keeps the finding, at the cost of a lesser one if there are too many.
func (f *Findings) add(finding func() Finding, s Severity) {
	if len(f.list) < MaxFindings-1 {
		f.list = append(f.list, finding())
		f.kept[s]++
		return
	}
	f.dropped++
	for lesser := Info; lesser < s; lesser++ {
		if f.kept[lesser] == 0 {
			continue
		}
		for i, old := range slices.Backward(f.list) {
			if old.Severity == lesser {
				f.list = append(slices.Delete(f.list, i, i+1), finding())
				f.kept[lesser]--
				f.kept[s]++
				return
			}
		}
	}
}

// Sorted returns the findings, worst first, otherwise as they were reported.
func (f *Findings) Sorted() []Finding {
	sorted := slices.Clone(f.list)
	slices.SortStableFunc(sorted, func(a, b Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	if f.dropped > 0 {
		sorted = append(sorted, Finding{
			Severity: Info, Code: "FindingsOmitted",
			Message: fmt.Sprintf("%d more findings are not listed", f.dropped),
			Remedy:  "repair what is listed and look again",
		})
	}
	return sorted
}
