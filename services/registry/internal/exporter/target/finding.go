package target

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// The codes of what an export reports.
const (
	// CodeLost: the target format has no words for it, and it is left out.
	CodeLost = "ExportLost"
	// CodeApproximated: the target format says something similar.
	CodeApproximated = "ExportApproximated"
	// CodeExtension: it is kept in an extension that only this platform reads.
	CodeExtension = "ExportExtension"
)

// Findings collects what one export notices, each thing once. It is for one
// goroutine. The zero value is ready.
type Findings struct {
	list    []format.Finding
	seen    map[string]bool
	dropped int
}

// Lost reports something that the target does not have. The pointer leads into
// the definition; operation is the id of the operation that it is part of, or
// empty.
func (f *Findings) Lost(pointer, operation, message string, args ...any) {
	f.add(format.Warning, CodeLost, pointer, operation, message, args...)
}

// Approximated reports something that the target says in a similar way.
func (f *Findings) Approximated(pointer, operation, message string, args ...any) {
	f.add(format.Warning, CodeApproximated, pointer, operation, message, args...)
}

// Extension reports something that only this platform reads in the target.
func (f *Findings) Extension(pointer, operation, message string, args ...any) {
	f.add(format.Info, CodeExtension, pointer, operation, message, args...)
}

func (f *Findings) add(s format.Severity, code, pointer, operation, message string, args ...any) {
	text := fmt.Sprintf(message, args...)
	if operation != "" {
		text = fmt.Sprintf("operation %q: %s", operation, text)
	}
	key := code + "\x00" + pointer + "\x00" + text
	if f.seen[key] {
		return
	}
	if len(f.list) >= format.MaxFindings-1 && !f.makeRoom(s) {
		f.dropped++
		return
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[key] = true
	f.list = append(f.list, format.Finding{Severity: s, Code: code, Message: text, Pointer: pointer})
}

// Covers reports whether something was reported at pointer, at what it is a
// direct part of, or at a part of it.
func (f *Findings) Covers(pointer string) bool {
	owner := ""
	if i := strings.LastIndexByte(pointer, '/'); i > 0 {
		owner = pointer[:i]
	}
	return slices.ContainsFunc(f.list, func(o format.Finding) bool {
		return o.Pointer == pointer || (o.Pointer == owner && owner != "") || strings.HasPrefix(o.Pointer, pointer+"/")
	})
}

// makeRoom gives up a lesser finding for one of the severity s.
func (f *Findings) makeRoom(s format.Severity) bool {
	for i, old := range slices.Backward(f.list) {
		if old.Severity < s {
			f.list = slices.Delete(f.list, i, i+1)
			f.dropped++
			return true
		}
	}
	return false
}

// Sorted returns the findings, worst first, otherwise as they were reported.
// Where there were more than format.MaxFindings, lesser ones are missing and the
// last finding says how many.
func (f *Findings) Sorted() []format.Finding {
	sorted := slices.Clone(f.list)
	slices.SortStableFunc(sorted, func(a, b format.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	if f.dropped > 0 {
		sorted = append(sorted, format.Finding{
			Severity: format.Info, Code: "FindingsOmitted",
			Message: fmt.Sprintf("%d more findings are not listed", f.dropped),
		})
	}
	return sorted
}
