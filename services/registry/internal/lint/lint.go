// Package lint checks descriptions against sets of rules.
//
// An importer reports what it could not understand. This package reports what
// can be understood and is still not right: [Default] is what every connector
// should keep to, whatever format it comes from; [Certification] is what the
// vendor of connector packages demands of those that it publishes, under the
// names of its own validator, so that results can be compared.
//
// A rule is one line of a table: its name, how bad it is to break it, a message,
// a remedy, and a check of one kind of object. The tables are grouped in files by
// subject and listed in [certificationRules] and [defaultRules]. One walk over a
// document's tree, which the import has parsed already, hands every object to
// the rules of its kind, so that all rules together cost one pass.
//
//	src, err := format.NewSource(files)
//	result, err := importer.All().Import(ctx, src, "")
//	findings := lint.Check(ctx, lint.Input{Source: src, Result: result, Sets: []lint.Set{lint.Certification}})
package lint

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// Set names a set of rules.
type Set string

// The sets of rules.
const (
	// Default always counts. Its findings are warnings at worst.
	Default Set = "default"
	// Certification has errors: what the vendor's validator refuses.
	Certification Set = "certification"
)

// ParseSet returns the set with this name. Its error is INVALID_ARGUMENT.
func ParseSet(name string) (Set, error) {
	switch set := Set(strings.ToLower(strings.TrimSpace(name))); set {
	case Default, Certification:
		return set, nil
	}
	return "", fault.Invalid(fault.ReasonInvalidArgument,
		"there are no rules called %q; use %q or %q", name, Default, Certification)
}

// Input is what is checked.
type Input struct {
	// Source is the files. It must be the one that was imported: documents that
	// it has parsed are not parsed again.
	Source *format.Source
	// Result is what the import made of them.
	Result *format.Result
	// Sets are the rules that count, besides [Default], which always does.
	Sets []Set
}

// Check returns the findings of the import together with those of the rules,
// worst first, those of the import before others that are as bad; at most
// [format.MaxFindings]. It changes neither source nor result, and stops early,
// with what it has, when ctx ends.
func Check(ctx context.Context, in Input) []format.Finding {
	c := newCollector()
	t := newTarget(in, c)
	t.checkDefault(ctx)
	if slices.Contains(in.Sets, Certification) {
		t.checkCertification(ctx)
	}
	return merge(in.Result.Findings, c.findings())
}

// merge sorts both lists into one and keeps the limit.
func merge(imported, linted []format.Finding) []format.Finding {
	all := slices.Concat(imported, linted)
	slices.SortStableFunc(all, func(a, b format.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	if len(all) <= format.MaxFindings {
		return all
	}
	dropped := len(all) - (format.MaxFindings - 1)
	return append(all[:format.MaxFindings-1:format.MaxFindings-1], omitted(dropped, "findings"))
}

func omitted(count int, of string) format.Finding {
	return format.Finding{
		Severity: format.Info, Code: "FindingsOmitted",
		Message: fmt.Sprintf("%d more %s are not listed", count, of),
		Remedy:  "repair what is listed and look again",
	}
}

// Names returns the names of the rules of a set, sorted.
func Names(set Set) []string {
	rules := defaultRules
	if set == Certification {
		rules = slices.Concat(certificationRules(), otherFormatRules)
	}
	var names []string
	for _, r := range rules {
		names = append(names, r.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
