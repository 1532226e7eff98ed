// Package search finds connectors and operations by words and facets.
//
// An [Index] holds what can be found, in memory and for each environment by
// itself. Whoever stores connectors tells it what they are:
//
//	x := search.New()
//	x.Put(search.Entry{Environment: "default", Connector: "crm", Revision: "5f0c…", Title: "CRM", …})
//	x.Delete("default", "crm")
//
// An environment can be filled when it is first searched: until then Put and
// Delete for it do nothing, because filling it reads what they would have said.
//
//	err := x.Load(ctx, "default", func(ctx context.Context, put func(search.Entry)) error { … })
//	page, err := x.Connectors(search.ConnectorQuery{Environment: "default", Words: "customer", Size: 50})
//	page, err := x.Operations(search.OperationQuery{Environment: "default", Words: "creat inv", Methods: []string{"POST"}, Size: 50})
//
// Results name what was found and hold nothing else of it: revisions never
// change, so the rest is read from the store by revision and position.
//
// # Words
//
// Text is cut into words at everything that is neither a letter nor a digit.
// Case and diacritics do not matter. Words of titles, ids, paths and tags are
// also found by their parts: "createInvoice" by "createinvoice", "create" and
// "invoice". A result has every word of the query; the beginning of a word is
// enough. Each word counts more in a title or an id than in a tag, a category or
// a path, more there than in a description, and the whole word more than its
// beginning. Equal matches are in the order of their names.
//
// # Cost
//
// A query costs as much as the words in it are frequent, not as much as there is
// to search in: words are found in a sorted list, and what has them is listed
// with each. Facets are counted over results, except without any condition, when
// they are kept ready. Answers are kept until the environment changes. What was
// replaced or deleted is removed from the lists when it is a quarter of them.
package search

import "sync"

// The limits of the package.
const (
	// MaxPage is the largest number of results of one page.
	MaxPage = 1000
	// MaxFacetValues is how many values of a facet are told.
	MaxFacetValues = 20
	// maxText is how many bytes of one text are read for words.
	maxText = 64 << 10
	// maxWord is the length in bytes at which words are cut.
	maxWord = 64
	// maxWords is how many different words of one connector or operation count;
	// maxQueryWords how many of a query.
	maxWords      = 4096
	maxQueryWords = 64
)

// Entry is what can be found of one connector.
type Entry struct {
	// Environment and Connector are the ids that name it.
	Environment string
	Connector   string
	// Revision is the id of the revision whose operations these are. It is given
	// back with them.
	Revision string
	// Title and Description are for people. Only the first 64 KiB of a text are
	// searched.
	Title       string
	Description string
	// Publisher, Format, Categories, Keywords, Tags and Authentication are those
	// of the connector. Tags, Keywords and Categories are searched, and all but
	// Keywords and Tags are facets.
	Publisher      string
	Format         string
	Categories     []string
	Keywords       []string
	Tags           []string
	Authentication []string
	// Triggers says whether it has triggers.
	Triggers bool
	// Operations are those of the published revision; empty if none is.
	Operations []Operation
}

// Operation is what can be found of one operation.
type Operation struct {
	// Position is its index among the operations of its revision. It is given
	// back with it.
	Position int
	// ID is unique in the connector.
	ID string
	// Title and Description are for people.
	Title       string
	Description string
	// Kind is "action", "polling_trigger" or "webhook_trigger".
	Kind string
	// Method and Path are those of the request.
	Method string
	Path   string
	// Tags are the groups that it belongs to.
	Tags []string
	// Hidden operations are found only on request: deprecated ones, and those
	// that are not shown to people.
	Hidden bool
}

// Index finds connectors and operations. It is safe for concurrent use: a query
// sees each connector as one Put left it, never half of it.
//
// Calls of Put and Delete for one connector must come in the order of the changes
// that they tell of.
type Index struct {
	mu           sync.Mutex
	environments map[string]*environment
}

// New returns an index that holds nothing.
func New() *Index {
	return &Index{environments: map[string]*environment{}}
}

// Put makes a connector found as it is now, in place of what it was. It does
// nothing for an environment that [Index.Load] was never called for. It keeps
// nothing of the entry's slices.
func (x *Index) Put(e Entry) {
	if env := x.known(e.Environment); env != nil {
		env.put(e, true)
	}
}

// Delete makes a connector found no more.
func (x *Index) Delete(environment, connector string) {
	if env := x.known(environment); env != nil {
		env.remove(connector)
	}
}

// Drop forgets an environment and all that is in it.
func (x *Index) Drop(environment string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.environments, environment)
}

// known returns an environment that is being loaded or was.
func (x *Index) known(id string) *environment {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.environments[id]
}
