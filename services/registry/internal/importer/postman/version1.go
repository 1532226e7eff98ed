package postman

import (
	"context"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// readVersion1 reads a collection 1.0: flat lists of folders and requests that
// name each other by id, in both directions and often wrongly.
func (t *translation) readVersion1(ctx context.Context) error {
	root := unwrapped(t.doc)
	t.col = &collection{
		node: root, name: strings.TrimSpace(root.Str("name")), description: description(root.Get("description")),
		version: version(root.Get("version")), scope: t.scopeOf(either(root, "variables", "variable")),
		auth: auth1(root),
	}
	t.scripts(root, "events", "event")
	l := newLists(t, root)
	l.level(root, nil, "", 0)
	for _, n := range root.Get("folders").Children() {
		if !l.placed[n] {
			t.warn("FolderUnreachable", n, "name it in \"folders_order\" of the folder that holds it",
				"no folder on the way from the collection holds this one; it goes to the top")
			l.folder(n, nil, 0)
		}
	}
	l.requests(nil, "", root.Get("requests").Children())
	for _, r := range l.order {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.addRequest(r); err != nil {
			return err
		}
	}
	return nil
}

// lists are the folders and requests of a collection 1.0 by their ids.
type lists struct {
	t *translation
	// folders and byID find by id; inFolder and under by the id of the parent.
	folders, byID   map[string]*document.Node
	under, inFolder map[string][]*document.Node
	index           map[*document.Node]int
	placed          map[*document.Node]bool
	order           []*request
	// pointer is that of the collection.
	pointer string
}

// newLists indexes the folders and requests of a collection. A folder is under
// the one that it names, or else where one lists it; one that nobody knows is at
// the top.
func newLists(t *translation, root *document.Node) *lists {
	l := &lists{
		t: t, folders: map[string]*document.Node{}, byID: map[string]*document.Node{},
		under: map[string][]*document.Node{}, inFolder: map[string][]*document.Node{},
		index: map[*document.Node]int{}, placed: map[*document.Node]bool{}, pointer: root.Pointer(),
	}
	for _, n := range root.Get("folders").Children() {
		if n.Is(document.Object) {
			l.folders[plain(n.Get("id"))] = n
		}
	}
	listed := map[string]bool{} // folders that another one lists
	for _, n := range root.Get("folders").Children() {
		for _, c := range n.Get("folders_order").Children() {
			listed[c.Text()] = true
		}
	}
	for _, n := range root.Get("folders").Children() {
		parent := plain(either(n, "folder", "parentFolder", "parent_folder"))
		if l.folders[parent] == nil {
			parent = ""
		}
		if parent != "" || !listed[plain(n.Get("id"))] {
			l.under[parent] = append(l.under[parent], n)
		}
	}
	for i, n := range root.Get("requests").Children() {
		l.index[n] = i
		if id := plain(n.Get("id")); id != "" && l.byID[id] == nil {
			l.byID[id] = n
		}
		if f := plain(n.Get("folder")); l.folders[f] != nil {
			l.inFolder[f] = append(l.inFolder[f], n)
		}
	}
	return l
}

// level reads what stands directly in the collection or a folder: folders first,
// as Postman shows them.
func (l *lists) level(n *document.Node, in *folder, id string, depth int) {
	for _, c := range n.Get("folders_order").Children() {
		l.folder(l.folders[c.Text()], in, depth)
	}
	for _, c := range l.under[id] {
		l.folder(c, in, depth)
	}
	var ordered []*document.Node
	for _, c := range n.Get("order").Children() {
		if r := l.byID[c.Text()]; r != nil {
			ordered = append(ordered, r)
		} else if c.Text() != "" {
			l.t.note("RequestMissing", c, "the request %q is listed, but not there", shorten(c.Text()))
		}
	}
	l.requests(in, id, ordered)
	if id != "" {
		l.requests(in, id, l.inFolder[id])
	}
}

// folder reads a folder unless it has been, so that circles end.
func (l *lists) folder(n *document.Node, in *folder, depth int) {
	if n == nil || l.placed[n] || !n.Is(document.Object) {
		return
	}
	l.placed[n] = true
	t, f := l.t, in
	if depth < maxFolderDepth {
		f = t.addFolder(&folder{
			node: n, name: n.Str("name"), description: description(n.Get("description")), parent: in,
			scope: t.scopeOf(either(n, "variables", "variable")), auth: auth1(n),
		})
		t.scripts(n, "events", "event")
	} else {
		t.warn("FolderTooDeep", n, "flatten the folders", "the folder is deeper than %d others; its requests go to the one above", maxFolderDepth)
	}
	if depth < 2*maxFolderDepth { // the rest is unreachable, and goes to the top
		l.level(n, f, plain(n.Get("id")), depth+1)
	}
}

// requests reads those that have not been. One that names another folder waits
// for that.
func (l *lists) requests(in *folder, id string, list []*document.Node) {
	for _, n := range list {
		home := plain(n.Get("folder"))
		if l.placed[n] || id != "" && home != "" && home != id && l.folders[home] != nil {
			continue
		}
		l.placed[n] = true
		if !n.Is(document.Object) {
			l.t.warn("ItemInvalid", n, "remove it", "the request is %s and is ignored", n.Kind())
			continue
		}
		l.order = append(l.order, l.t.request1(n, in, l.pointer+"/requests/"+strconv.Itoa(l.index[n])))
	}
}

// request1 reads a request. Newer files have lists of headers, of the query and
// of path variables beside the text that older ones have; the lists know more.
func (t *translation) request1(n *document.Node, in *folder, pointer string) *request {
	r := &request{
		node: n, pointer: pointer, id: plain(n.Get("id")), name: strings.TrimSpace(n.Str("name")), folder: in,
		description: description(n.Get("description")), method: n.Str("method"), auth: auth1(n),
		scope: t.scopeOf(either(n, "variables", "variable")),
	}
	if hasText(n.Get("preRequestScript")) || hasText(n.Get("tests")) {
		t.note("ScriptIgnored", n, "scripts of Postman's own client are ignored")
	} else {
		t.scripts(n, "events", "event")
	}
	if b := n.Get("protocolProfileBehavior"); len(b.Children()) > 0 {
		r.unpruned = b.True("disableBodyPruning")
		t.note("BehaviorIgnored", b, "settings of Postman's own client are ignored")
	}
	r.address = t.addressOf(n.Get("url"))
	if q := pairs(n.Get("queryParams")); len(q) > 0 {
		r.address.query = mergeQuery(r.address.query, q)
	}
	r.address.variables = append(pairs(n.Get("pathVariableData")), pairs(n.Get("pathVariables"))...)
	if r.headers = pairs(n.Get("headerData")); len(r.headers) == 0 {
		r.headers = pairs(n.Get("headers"))
	}
	r.body = body1(n)
	for _, s := range n.Get("responses").Children() {
		if s.Is(document.Object) {
			r.responses = append(r.responses, saved1(s))
		}
	}
	return r
}

// saved1 reads a saved response.
func saved1(s *document.Node) saved {
	return saved{
		node: s, name: strings.TrimSpace(s.Str("name")), code: number(s.Get("responseCode").Get("code")),
		headers: pairs(s.Get("headers")), body: plain(either(s, "text", "body")), language: s.Str("language"),
	}
}

// mergeQuery adds what the list knows and the URL does not: descriptions, and
// what is disabled. The order is that of the list, unless the two have different
// names.
func mergeQuery(query, list []pair) []pair {
	if merged, ok := zipQuery(query, list); ok {
		return merged
	}
	var off []pair
	texts := map[string]string{}
	for _, p := range list {
		if p.disabled {
			off = append(off, p)
		} else {
			texts[p.key] = p.description
		}
	}
	for i := range query {
		query[i].description = texts[query[i].key]
	}
	return append(query, off...)
}

// zipQuery puts what is disabled in the list between what the URL has. It is
// false if the rest of the list has other names than the URL.
func zipQuery(query, list []pair) ([]pair, bool) {
	merged := make([]pair, 0, len(list))
	next := 0
	for _, p := range list {
		if p.disabled {
			merged = append(merged, p)
			continue
		}
		if next == len(query) || query[next].key != p.key && query[next].key != unescape(p.key) {
			return nil, false
		}
		q := query[next]
		q.description = p.description
		merged = append(merged, q)
		next++
	}
	return merged, next == len(query)
}

// body1 reads a body, whose text is in one of two places.
func body1(n *document.Node) body {
	data := n.Get("data")
	b := body{node: data, raw: plain(n.Get("rawModeData"))}
	if list := n.Get("rawModeData"); list.Is(document.Array) && len(list.Children()) > 0 {
		b.raw = plain(list.Children()[0])
	}
	if b.raw == "" {
		b.raw = plain(data)
	}
	switch mode1(n, b.raw) {
	case "raw":
		b.mode, b.language = rawBody, n.Get("dataOptions").Get("raw").Str("language")
	case "urlencoded":
		b.mode, b.fields = urlencodedBody, pairs(data)
	case "params":
		if b.mode = formBody; data.Is(document.Array) {
			b.fields = pairs(data)
		}
	case "binary":
		b.mode = fileBody
	case "graphql":
		b.mode = graphqlBody
		b.graphql(n.Get("graphqlModeData"))
	}
	return b
}

// mode1 is the mode of a body. Old files leave it out; then it is what there is
// something of.
func mode1(n *document.Node, raw string) string {
	if mode := n.Str("dataMode"); mode != "" {
		return mode
	}
	switch data := n.Get("data"); {
	case n.Get("graphqlModeData").Str("query") != "":
		return "graphql"
	case raw != "":
		return "raw"
	case data.Is(document.Array) && len(data.Children()) > 0:
		return "params"
	}
	return ""
}

func hasText(n *document.Node) bool {
	return strings.TrimSpace(plain(n)) != "" || len(n.Children()) > 0
}
