package search

import (
	"errors"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// ConnectorQuery asks for connectors. All conditions must hold; a list of values
// holds if one of them does, ignoring case, and an empty list always.
type ConnectorQuery struct {
	// Environment is where to look.
	Environment string
	// Words all occur; see the package comment. Empty finds everything.
	Words string
	// Formats, Categories, Publishers and Authentication are what it must have.
	Formats        []string
	Categories     []string
	Publishers     []string
	Authentication []string
	// Triggers finds only connectors that have triggers.
	Triggers bool
	// After is [Page.Next] of the page before, "" for the first one.
	After string
	// Size is the largest number of results, from 1 to MaxPage; others are taken
	// as the nearer one.
	Size int
}

// OperationQuery asks for operations, as [ConnectorQuery] does for connectors.
type OperationQuery struct {
	// Environment is where to look.
	Environment string
	// Words all occur; see the package comment. Empty finds everything.
	Words string
	// Connectors are ids of connectors; Kinds, Tags and Methods are what the
	// operation must have.
	Connectors []string
	Kinds      []string
	Tags       []string
	Methods    []string
	// Hidden finds hidden operations also.
	Hidden bool
	// After is [Page.Next] of the page before, "" for the first one.
	After string
	// Size is the largest number of results, from 1 to MaxPage; others are taken
	// as the nearer one.
	Size int
}

// ConnectorHit is a connector that was found.
type ConnectorHit struct {
	// Connector is its id.
	Connector string
}

// OperationHit is an operation that was found.
type OperationHit struct {
	// Connector is the id of its connector, and Title the connector's title.
	Connector string
	Title     string
	// Revision and Position say where the operation is stored.
	Revision string
	Position int
	// ID is that of the operation.
	ID string
}

// Page is a part of the results.
type Page[Hit any] struct {
	// Hits are the results, best first. They are not to be changed.
	Hits []Hit
	// Next is where the next page begins, at most 600 bytes; "" at the end. It
	// stays valid while things change: what does not change is on exactly one of
	// the pages.
	Next string
	// Total is the number of all results.
	Total int
	// Facets are "format", "category", "publisher", "authentication" and
	// "triggers" of connectors; "connector", "kind", "tag" and "method" of
	// operations. Only on the first page, and not to be changed.
	Facets []Facet
}

// Facet is a property by which results can be narrowed down.
type Facet struct {
	// Name is one of those that [Page.Facets] names.
	Name string
	// Values are at most MaxFacetValues, most frequent first, equally frequent
	// ones in the order of their text.
	Values []FacetValue
}

// FacetValue is one value of a facet.
type FacetValue struct {
	// Value is spelled as it was first seen.
	Value string
	// Count is the number of results that have it.
	Count int
}

// ErrNotLoaded is the answer of an environment that was not loaded, or was dropped
// meanwhile.
var ErrNotLoaded = errors.New("the environment is not loaded")

// Connectors returns a page of connectors. The error is [ErrNotLoaded], or a
// fault: After is none of ours.
func (x *Index) Connectors(q ConnectorQuery) (Page[ConnectorHit], error) {
	c := conditions{
		words: queryWords(q.Words), after: q.After, size: q.Size, hidden: true,
		filters: [][]string{
			connectorFormat: q.Formats, connectorCategory: q.Categories,
			connectorPublisher: q.Publishers, connectorAuthentication: q.Authentication, connectorTriggers: nil,
		},
	}
	if q.Triggers {
		c.filters[connectorTriggers] = []string{withTriggers}
	}
	return answer(x, q.Environment, c, func(env *environment) *table { return env.connectors },
		func(t *table, doc uint32) ConnectorHit { return ConnectorHit{Connector: t.owner(doc).id} })
}

// Operations returns a page of operations, as [Index.Connectors] does.
func (x *Index) Operations(q OperationQuery) (Page[OperationHit], error) {
	c := conditions{
		words: queryWords(q.Words), after: q.After, size: q.Size, hidden: q.Hidden, groups: q.Connectors,
		filters: [][]string{operationKind: q.Kinds, operationTag: q.Tags, operationMethod: q.Methods},
	}
	return answer(x, q.Environment, c, func(env *environment) *table { return env.operations },
		func(t *table, doc uint32) OperationHit {
			g, d := t.owner(doc), &t.docs[doc]
			return OperationHit{Connector: g.id, Title: g.title, Revision: g.revision, Position: int(d.position), ID: d.id}
		})
}

// answer runs a query on one table of an environment.
func answer[Hit any](x *Index, id string, c conditions, of func(*environment) *table, hit func(*table, uint32) Hit) (Page[Hit], error) {
	c.size = min(max(c.size, 1), MaxPage)
	from, ok := parsePosition(c.after)
	if !ok {
		return Page[Hit]{}, fault.Invalid(fault.ReasonInvalidPageToken, "the page token is damaged; start again without one")
	}
	env := x.known(id)
	if env == nil || !env.ready() {
		return Page[Hit]{}, ErrNotLoaded
	}
	env.mu.RLock()
	defer env.mu.RUnlock()
	t := of(env)
	found := t.cache.get(c.key(), func() found { return t.run(c, from) })
	p := Page[Hit]{Hits: make([]Hit, len(found.docs)), Next: found.next, Total: found.total, Facets: found.facets}
	for i, doc := range found.docs {
		p.Hits[i] = hit(t, doc)
	}
	return p, nil
}
