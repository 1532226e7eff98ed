package postman

import (
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// collection is what all versions have in common.
type collection struct {
	node *document.Node
	name string
	// description is CommonMark or HTML; nobody says which.
	description string
	version     string
	scope       scope
	auth        *auth
	// folders and requests are in the order in which they are shown.
	folders  []*folder
	requests []*request
	// native is true of collections that our own exporter wrote: the ids of
	// their items are operation ids.
	native bool
}

// folder is a group of requests.
type folder struct {
	node              *document.Node
	name, description string
	parent            *folder
	scope             scope
	auth              *auth
	// tag is the name of the folder's tag.
	tag string
}

// request is one request of a collection.
type request struct {
	node *document.Node
	// pointer is that of node, which takes long to find out afterwards.
	pointer           string
	id                string
	name, description string
	folder            *folder
	method            string
	address           address
	headers           []pair
	body              body
	auth              *auth
	scope             scope
	responses         []saved
	// unpruned is true where the body is sent although the method has none.
	unpruned bool
}

// address is a URL in pieces.
type address struct {
	node *document.Node
	// base is all before the query.
	base  string
	query []pair
	// variables are the values of ":name" in the path.
	variables      []pair
	user, password string
}

// pair is one named value of a query, of headers, of a form or of a path.
type pair struct {
	node        *document.Node
	key, value  string
	description string
	contentType string
	// bare is true of a name without "=", system of a header that follows from
	// something else in the request.
	bare, disabled, file, system bool
}

// bodyMode says how a body is written down.
type bodyMode int

const (
	noBody bodyMode = iota
	rawBody
	urlencodedBody
	formBody
	fileBody
	graphqlBody
)

// body is the body of a request.
type body struct {
	node      *document.Node
	mode      bodyMode
	raw       string
	language  string
	fields    []pair
	query     string
	operation string
	variables string
}

// saved is a response that was kept as an example.
type saved struct {
	node     *document.Node
	name     string
	code     int
	headers  []pair
	body     string
	language string
}

// description returns the text of a description, which is text or an object with
// it.
func description(n *document.Node) string {
	if n.Is(document.Object) {
		n = n.Get("content")
	}
	return strings.TrimSpace(plain(n))
}

// plain returns the text of a scalar, "" for null and everything else.
func plain(n *document.Node) string {
	switch n.Kind() {
	case document.String, document.Number, document.Bool:
		return n.Text()
	case document.Null, document.Array, document.Object, document.Invalid:
	}
	return ""
}

// either returns the first member that is there.
func either(n *document.Node, keys ...string) *document.Node {
	for _, key := range keys {
		if m := n.Get(key); m != nil && !m.Is(document.Null) {
			return m
		}
	}
	return nil
}

// pairs reads a list of {key, value}, an object of values, or, for headers, text
// with one per line.
func pairs(n *document.Node) []pair {
	switch n.Kind() {
	case document.String:
		return headerLines(n)
	case document.Object:
		var list []pair
		for _, m := range n.Children() {
			list = append(list, pair{node: m, key: m.Key(), value: plain(m)})
		}
		return list
	case document.Array:
		var list []pair
		for _, m := range n.Children() {
			if m.Is(document.String) {
				list = append(list, headerLines(m)...)
			} else if m.Is(document.Object) {
				list = append(list, pairOf(m))
			}
		}
		return list
	case document.Invalid, document.Null, document.Bool, document.Number:
	}
	return nil
}

func pairOf(m *document.Node) pair {
	enabled := m.Get("enabled")
	value := either(m, "value", "src")
	return pair{
		node: m, key: plain(either(m, "key", "id", "name")), value: plain(value),
		description: description(m.Get("description")), contentType: m.Str("contentType"),
		disabled: m.True("disabled") || enabled.Is(document.Bool) && enabled.Text() == "false",
		file:     m.Str("type") == "file", bare: value == nil, system: m.True("system"),
	}
}

// headerLines reads "Name: value" lines; "//" before one disables it.
func headerLines(n *document.Node) []pair {
	var list []pair
	for line := range strings.SplitSeq(n.Text(), "\n") {
		line, disabled := strings.CutPrefix(strings.TrimSpace(line), "//")
		key, value, ok := strings.Cut(line, ":")
		if key = strings.TrimSpace(key); !ok || key == "" {
			continue
		}
		list = append(list, pair{node: n, key: key, value: strings.TrimSpace(value), disabled: disabled})
	}
	return list
}

// number returns the integer of a number or of its text, else 0.
func number(n *document.Node) int {
	i, err := strconv.Atoi(plain(n))
	if err != nil {
		return 0
	}
	return i
}
