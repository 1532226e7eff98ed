package cli

import (
	"cmp"
	"fmt"
	"slices"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
)

// The findings about custom code that cannot run and policies that cannot be applied.
const (
	codeRefused     = "CallsRefused"
	codeScript      = "ScriptInvalid"
	codePolicy      = "PolicyInvalid"
	codePlaceholder = "PolicyPlaceholderUnknown"
	codeTemplate    = "PolicyTemplateUnknown"
	codePolicies    = "PoliciesInvalid"
	codeExtension   = "ExtensionInvalid"
)

// shownErrors is how many of them are printed after a change.
const shownErrors = 5

// isError tells errors with one of the codes.
func isError(f *registryv1.Finding, codes ...string) bool {
	return f.GetSeverity() == registryv1.Severity_SEVERITY_ERROR && slices.Contains(codes, f.GetCode())
}

// refusal is what the policies of a revision refuse; "" if they refuse nothing.
func refusal(findings []*registryv1.Finding) string {
	for _, f := range findings {
		if isError(f, codeRefused) {
			return f.GetMessage()
		}
	}
	return ""
}

// mustBeMeant reports whether a revision refuses calls that somebody could correct, so
// that it is published only with --allow-breaking. Packages are published as they are
// until somebody edits them.
func mustBeMeant(r *registryv1.Revision) bool {
	if r.GetFormat() == registryv1.SourceFormat_SOURCE_FORMAT_CONNECTOR_PACKAGE && !r.GetEdited() {
		return false
	}
	return slices.ContainsFunc(r.GetFindings(), func(f *registryv1.Finding) bool {
		return isError(f, codePolicy, codePlaceholder, codePolicies, codeExtension)
	})
}

// printErrors prints what policies refuse, and the errors of custom code and policies
// with their places: whoever wrote them has to see them first.
func (a *app) printErrors(findings []*registryv1.Finding) {
	if text := refusal(findings); text != "" {
		a.printf("  warning: %s\n", text)
	}
	count := 0
	for _, f := range findings {
		if !isError(f, codeScript, codePolicy, codePlaceholder, codeTemplate, codePolicies, codeExtension) {
			continue
		}
		if count++; count > shownErrors {
			continue
		}
		a.printf("  %s: %s; %s\n", placeOf(f), f.GetMessage(), f.GetRemedy())
	}
	if more := count - shownErrors; more > 0 {
		a.printf("  … and %d more like these\n", more)
	}
}

// placeOf says where a finding is, as well as is known: the only file of a description
// has no path.
func placeOf(f *registryv1.Finding) string {
	switch {
	case f.GetLine() > 0 && f.GetPath() != "":
		return fmt.Sprintf("%s:%d:%d", f.GetPath(), f.GetLine(), f.GetColumn())
	case f.GetLine() > 0:
		return fmt.Sprintf("line %d, column %d", f.GetLine(), f.GetColumn())
	}
	return cmp.Or(f.GetPath(), f.GetPointer(), "the definition")
}

// printDraft says of a draft how it becomes what callers get; nothing of what is
// published.
func (a *app) printDraft(connector, revision string, r *registryv1.Revision) {
	if r.GetState() != registryv1.RevisionState_REVISION_STATE_DRAFT {
		return
	}
	broken := slices.ContainsFunc(r.GetFindings(), func(f *registryv1.Finding) bool { return isError(f, codeScript) })
	switch {
	case broken:
		a.printf("  it stays a draft until the custom code is corrected\n")
	case mustBeMeant(r):
		a.printf("  it is a draft; correct the policies, or publish it as it is: `ferrule publish %s %s --allow-breaking`\n", connector, revision)
	default:
		a.printf("  it is a draft; `ferrule publish %s %s` makes it the one that is used\n", connector, revision)
	}
}
