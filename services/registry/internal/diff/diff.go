// Package diff says what a new revision of a definition means for those who call
// the old one.
//
//	d, err := diff.Compare(ctx, published, draft)
//	if d.Breaking > 0 { … }
//
// Inputs and answers of operations are compared by oasdiff, a differ for OpenAPI:
// each pair of operations that differ is written as two small documents, together
// with the schemas that it reaches, and its rules judge them. Everything that
// OpenAPI has no words for (kinds of operations, triggers, ways to connect,
// policies, scripts, dynamic features) is compared here.
//
// Operations are the same if they have the same id, since callers name them by
// it.
package diff

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// MaxChanges is the greatest number of changes that are listed.
const MaxChanges = 1000

// Impact says what a change means for callers. A larger one is worse. The numbers
// are those of the interface.
type Impact int

// The impacts.
const (
	// None: nothing that a caller notices.
	None Impact = 1
	// Compatible: callers go on working; there is something new.
	Compatible Impact = 2
	// Risky: some callers may break.
	Risky Impact = 3
	// Breaking: callers break, or connections do.
	Breaking Impact = 4
)

// Change is one difference.
type Change struct {
	// Impact says what it means for callers.
	Impact Impact
	// Code is stable, in kebab case.
	Code string
	// Message is one sentence.
	Message string
	// OperationID is the operation that it is about, empty for the connector as a
	// whole. It is the id in the old definition, if the operation was there.
	OperationID string
	// Subject is what it is about inside of that, for instance "parameter limit".
	Subject string
}

// Diff is all differences between two definitions.
type Diff struct {
	// Changes are sorted: those that break first, those of the connector before
	// those of operations, and these in the order of the old definition. At most
	// [MaxChanges].
	Changes []Change
	// Breaking is the number of changes that break, also of those not listed.
	Breaking int
	// Total is the number of all changes.
	Total int
}

// Compare says what a revision changes. Only operations that differ, or that
// reach schemas that do, are looked at closely. What cannot be compared is a
// risky change, never an error: the only error is the end of ctx.
func Compare(ctx context.Context, base, revision *connectorv1.Definition) (*Diff, error) {
	c := &comparison{base: base, revision: revision}
	if proto.Equal(base, revision) {
		return &Diff{}, nil
	}
	c.connector()
	if err := c.operations(ctx); err != nil {
		return nil, fmt.Errorf("compare definitions: %w", err)
	}
	if len(c.changes) == 0 {
		c.add(None, "texts-changed", "", "texts", "texts for people changed")
	}
	return c.result(), nil
}

// comparison is the work of one call.
type comparison struct {
	base, revision *connectorv1.Definition
	changes        []Change
	rank           map[string]int // of an operation id, from 1
}

func (c *comparison) add(i Impact, code, operation, subject, message string, args ...any) {
	c.changes = append(c.changes, Change{
		Impact: i, Code: code, Message: fmt.Sprintf(message, args...), OperationID: operation, Subject: subject,
	})
}

// maxMessage is the greatest length of a message in bytes: names and values of a
// definition may be of any length.
const maxMessage = 1000

func cut(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage], "") + "…"
}

// result sorts the changes, drops those that say the same, and counts.
func (c *comparison) result() *Diff {
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Impact, a.Impact), cmp.Compare(c.rank[a.OperationID], c.rank[b.OperationID]))
	})
	for i := range c.changes {
		c.changes[i].Message = cut(c.changes[i].Message)
	}
	seen := make(map[Change]bool, len(c.changes))
	c.changes = slices.DeleteFunc(c.changes, func(one Change) bool {
		again := seen[one]
		seen[one] = true
		return again
	})
	d := &Diff{Total: len(c.changes)}
	for _, one := range c.changes {
		if one.Impact == Breaking {
			d.Breaking++
		}
	}
	d.Changes = c.changes[:min(len(c.changes), MaxChanges)]
	return d
}

// by indexes a list by name; the first of equals counts.
func by[T any](list []T, name func(T) string) map[string]T {
	index := make(map[string]T, len(list))
	for _, one := range list {
		if _, ok := index[name(one)]; !ok {
			index[name(one)] = one
		}
	}
	return index
}

// each calls f for every name in either list, first those of the old one; what a
// list does not have is the zero value.
func each[T any](old, fresh []T, name func(T) string, f func(name string, old, fresh T)) {
	before, after := by(old, name), by(fresh, name)
	seen := make(map[string]bool, len(before))
	for _, list := range [][]T{old, fresh} {
		for _, one := range list {
			if n := name(one); !seen[n] {
				seen[n] = true
				f(n, before[n], after[n])
			}
		}
	}
}
