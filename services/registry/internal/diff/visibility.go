package diff

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// visibilityKey is the extension that hides a part of a body from people.
const visibilityKey = "x-ms-visibility"

// flip is a part of a schema that was hidden or is shown again.
type flip struct {
	at     string // pointer in the schema
	hidden bool
}

// visibility compares what of bodies is hidden from people. Schemas are compared
// by themselves, and what they hide is reported for each operation that reaches
// them.
func (c *comparison) visibility(pairs []pair, old, fresh *schemas) {
	named := map[string][]flip{}
	for name, s := range old.source {
		if list := flips(s.GetJson(), fresh.source[name].GetJson()); len(list) > 0 {
			named[name] = list
		}
	}
	for _, p := range pairs {
		c.bodies(p, "body", "request", p.old.GetRequestBody().GetContents(), p.fresh.GetRequestBody().GetContents(), fresh, named)
		each(p.old.GetResponses(), p.fresh.GetResponses(), (*connectorv1.Response).GetStatus, func(status string, a, b *connectorv1.Response) {
			c.bodies(p, "response "+status, "response", a.GetContents(), b.GetContents(), fresh, named)
		})
	}
}

// bodies reports what the schemas of some contents, and those that they reach,
// hide.
func (c *comparison) bodies(p pair, subject, side string, before, after []*connectorv1.MediaType, s *schemas, named map[string][]flip) {
	report := func(list []flip) {
		for _, f := range list {
			if f.hidden {
				c.add(Risky, side+"-property-hidden", p.old.GetOperationId(), subject, "%s is not shown to people any more", f.what())
			} else {
				c.add(Compatible, side+"-property-shown", p.old.GetOperationId(), subject, "%s is shown to people now", f.what())
			}
		}
	}
	each(before, after, (*connectorv1.MediaType).GetMediaType, func(_ string, a, b *connectorv1.MediaType) {
		if a == nil || b == nil {
			return // the differ's
		}
		report(flips(a.GetSchema(), b.GetSchema()))
		if len(named) == 0 {
			return
		}
		for _, name := range s.reach(s.rewrite(b.GetSchema()).refs) {
			report(named[name])
		}
	})
}

// what names the part: a property by its name.
func (f flip) what() string {
	if f.at == "" {
		return "all of it"
	}
	i := strings.LastIndexByte(f.at, '/')
	if strings.HasSuffix(f.at[:i], "/properties") {
		return fmt.Sprintf("the property %q", document.UnescapeToken(f.at[i+1:]))
	}
	return fmt.Sprintf("the part %q", f.at)
}

// flips returns what one schema hides and the other does not, in the order of
// their pointers. Parts that only one of them has are the differ's.
func flips(old, fresh []byte) []flip {
	if bytes.Equal(old, fresh) {
		return nil
	}
	before, after := internals(old), internals(fresh)
	var list []flip
	for _, at := range slices.Sorted(maps.Keys(after)) {
		if !before[at] && has(old, at) {
			list = append(list, flip{at, true})
		}
	}
	for _, at := range slices.Sorted(maps.Keys(before)) {
		if !after[at] && has(fresh, at) {
			list = append(list, flip{at, false})
		}
	}
	return list
}

// internals returns the pointers of all parts of a schema that are hidden.
func internals(schema []byte) map[string]bool {
	found := map[string]bool{}
	if !bytes.Contains(schema, []byte(visibilityKey)) {
		return found
	}
	in := jsontext.NewDecoder(bytes.NewBuffer(schema), jsontext.AllowDuplicateNames(true))
	for {
		t, err := in.ReadToken()
		if err != nil {
			return found
		}
		if t.Kind() != '"' || !strings.EqualFold(t.String(), "internal") {
			continue
		}
		if at, ok := strings.CutSuffix(string(in.StackPointer()), "/"+visibilityKey); ok {
			found[at] = true
		}
	}
}

// has reports whether a schema has a part at the pointer.
func has(schema []byte, at string) bool {
	doc, err := document.Parse("schema.json", schema)
	return err == nil && doc.Root().At(at) != nil
}
