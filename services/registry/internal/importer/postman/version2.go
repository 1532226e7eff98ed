package postman

import (
	"context"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// exporterID is what our own exporter calls itself in "info._exporter_id".
const exporterID = "ferrule"

// readVersion2 reads collections 2.0 and 2.1. They differ in how they write
// authentication and some URLs; files mix both.
func (t *translation) readVersion2(ctx context.Context) error {
	root := unwrapped(t.doc)
	info := root.Get("info")
	t.col = &collection{
		node: root, name: strings.TrimSpace(info.Str("name")), description: description(info.Get("description")),
		version: version(info.Get("version")), scope: t.scopeOf(either(root, "variable", "variables")),
		auth: authOf(root.Get("auth")), native: info.Str("_exporter_id") == exporterID,
	}
	t.scripts(root, "event", "events")
	return t.items(ctx, root.Get("item"), nil, root.Pointer()+"/item", 0)
}

// version is text or an object of numbers.
func version(n *document.Node) string {
	if !n.Is(document.Object) {
		return plain(n)
	}
	v := plain(n.Get("major")) + "." + plain(n.Get("minor")) + "." + plain(n.Get("patch"))
	if id := plain(n.Get("identifier")); id != "" {
		v += "-" + id
	}
	return strings.Trim(v, ".")
}

// items reads a list of requests and folders. What has both is both. The depth of
// the recursion is bounded by that of documents; pointer is the list's.
func (t *translation) items(ctx context.Context, list *document.Node, in *folder, pointer string, depth int) error {
	for i, n := range list.Children() {
		if err := ctx.Err(); err != nil {
			return err
		}
		at := pointer + "/" + strconv.Itoa(i)
		req, children := n.Get("request"), n.Get("item")
		isRequest := req.Is(document.Object) || req.Is(document.String)
		if isRequest {
			if err := t.addRequest(t.request2(n, req, in, at)); err != nil {
				return err
			}
		}
		if children.Is(document.Array) {
			if err := t.items(ctx, children, t.folder2(n, in, depth), at+"/item", depth+1); err != nil {
				return err
			}
		} else if !isRequest {
			t.warn("ItemInvalid", n, "remove it, or add its request", "the item is neither a request nor a folder and is ignored")
		}
	}
	return nil
}

// folder2 returns the folder of an item, or the one that it is in if it is too
// deep.
func (t *translation) folder2(n *document.Node, in *folder, depth int) *folder {
	if depth >= maxFolderDepth {
		t.warn("FolderTooDeep", n, "flatten the folders", "the folder is deeper than %d others; its requests go to the one above", maxFolderDepth)
		return in
	}
	t.scripts(n, "event", "events")
	return t.addFolder(&folder{
		node: n, name: n.Str("name"), description: description(n.Get("description")), parent: in,
		scope: t.scopeOf(either(n, "variable", "variables")), auth: authOf(n.Get("auth")),
	})
}

// request2 reads the request of an item, which is an object or just a URL. Some
// tools write the plural of "header" and "response".
func (t *translation) request2(n, req *document.Node, in *folder, pointer string) *request {
	r := &request{
		node: n, pointer: pointer, id: either(n, "id").Text(), name: strings.TrimSpace(n.Str("name")), folder: in,
		scope: t.scopeOf(either(n, "variable", "variables")),
	}
	t.scripts(n, "event", "events")
	if b := n.Get("protocolProfileBehavior"); len(b.Children()) > 0 {
		r.unpruned = b.True("disableBodyPruning")
		t.note("BehaviorIgnored", b, "settings of Postman's own client are ignored")
	}
	for _, s := range either(n, "response", "responses").Children() {
		r.responses = append(r.responses, saved{
			node: s, name: strings.TrimSpace(s.Str("name")), code: number(s.Get("code")),
			headers: pairs(either(s, "header", "headers")), body: plain(s.Get("body")),
			language: s.Str("_postman_previewlanguage"),
		})
	}
	if req.Is(document.String) {
		r.address = t.addressOf(req)
		return r
	}
	r.method = req.Str("method")
	r.description = description(either(req, "description"))
	if r.description == "" {
		r.description = description(n.Get("description"))
	}
	r.address = t.addressOf(req.Get("url"))
	r.headers = pairs(either(req, "header", "headers"))
	r.body = body2(req.Get("body"))
	r.auth = authOf(req.Get("auth"))
	return r
}

// body2 reads a body; one that is switched off is none.
func body2(n *document.Node) body {
	b := body{node: n}
	if n.True("disabled") {
		return b
	}
	switch n.Str("mode") {
	case "raw":
		b.mode, b.raw = rawBody, plain(n.Get("raw"))
		b.language = n.Get("options").Get("raw").Str("language")
	case "urlencoded":
		b.mode, b.fields = urlencodedBody, pairs(n.Get("urlencoded"))
	case "formdata":
		b.mode, b.fields = formBody, pairs(n.Get("formdata"))
	case "file":
		b.mode = fileBody
	case "graphql":
		b.mode = graphqlBody
		b.graphql(n.Get("graphql"))
	}
	return b
}

// graphql reads query and variables; those are text or, from some tools, JSON.
func (b *body) graphql(n *document.Node) {
	b.query, b.operation = n.Str("query"), n.Str("operationName")
	if v := n.Get("variables"); v.Is(document.Object) {
		b.variables = string(v.JSON())
	} else {
		b.variables = plain(v)
	}
}

// scripts notes scripts, once for each thing that has some.
func (t *translation) scripts(n *document.Node, keys ...string) {
	for _, e := range either(n, keys...).Children() {
		exec := either(e.Get("script"), "exec", "src")
		if exec.Is(document.String) && strings.TrimSpace(exec.Text()) != "" || len(exec.Children()) > 0 {
			t.note("ScriptIgnored", e, "scripts of Postman's own client are ignored")
			return
		}
	}
}
