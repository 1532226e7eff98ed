package postman

import (
	"context"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// translation is the work on one collection.
type translation struct {
	doc          *document.Document
	place        *format.Place
	def          *connectorv1.Definition
	col          *collection
	environments []environment
	globals      []scope

	// said are the things that are worth saying once; quiet stops findings while
	// something is read another time.
	said  map[remark]bool
	quiet bool
	// expanded counts the bytes of variables.
	expanded int

	schemes schemes
}

func newTranslation(doc *document.Document, place *format.Place) *translation {
	return &translation{doc: doc, place: place, def: &connectorv1.Definition{}, said: map[remark]bool{}}
}

// note reports what is worth knowing.
func (t *translation) note(code string, at *document.Node, message string, args ...any) {
	if !t.quiet {
		t.place.Report(format.Info, code, at, "", message, args...)
	}
}

// warn reports what was repaired or ignored, and what can be done about it.
func (t *translation) warn(code string, at *document.Node, remedy, message string, args ...any) {
	if !t.quiet {
		t.place.Report(format.Warning, code, at, remedy, message, args...)
	}
}

// remark is something that is worth saying once, about a node or at all.
type remark struct {
	what string
	at   *document.Node
}

// once reports whether it has been asked the same before.
func (t *translation) once(what string, at *document.Node) bool {
	r := remark{what, at}
	before := t.said[r]
	t.said[r] = true
	return before
}

// translate makes the definition of the collection.
func (t *translation) translate(ctx context.Context) error {
	t.tags()
	ids := t.operationIDs()
	places := make([]place, len(t.col.requests))
	logins := make([]login, len(t.col.requests))
	for i, r := range t.col.requests {
		if err := ctx.Err(); err != nil {
			return err
		}
		places[i] = t.placeOf(r, t.defaults())
		logins[i] = t.login(r)
		t.def.Operations = append(t.def.Operations, t.operation(r, ids[i], &places[i], &logins[i]))
	}
	t.servers(places)
	t.security(logins)
	t.duplicates()
	t.info()
	return t.check()
}

// info says who the connector is. The version is the author's, if there is one.
func (t *translation) info() {
	title := t.col.name
	if title == "" && len(t.def.GetServers()) > 0 {
		_, title, _ = strings.Cut(t.def.GetServers()[0].GetUrlTemplate(), "://")
	}
	if title == "" {
		title = "Postman collection"
	}
	title, about := t.prose(t.col.node, title), t.prose(t.col.node, t.col.description)
	t.def.Info = &connectorv1.Info{Title: title, Description: about, Version: t.col.version, Capabilities: []string{"actions"}}
}

// operation makes the operation of a request, but for its servers and for what it
// needs to authenticate, which depend on all requests.
func (t *translation) operation(r *request, id string, at *place, l *login) *connectorv1.Operation {
	method := t.method(r)
	path, placeholders := pathTemplate(at.path)
	if t.col.native {
		path, placeholders = nativePath(at.path, r.address.variables)
	}
	op := &connectorv1.Operation{
		OperationId:   id,
		Summary:       r.name,
		Description:   r.description,
		Kind:          connectorv1.OperationKind_OPERATION_KIND_ACTION,
		Method:        method,
		Path:          path,
		SourcePointer: r.pointer,
		Safety: &connectorv1.Safety{
			Safe:       slices.Contains([]string{"GET", "HEAD", "OPTIONS"}, method),
			Idempotent: slices.Contains([]string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}, method),
		},
	}
	if r.folder != nil {
		op.Tags = []string{r.folder.tag}
	}
	op.Parameters = t.parameters(r, placeholders, l)
	op.RequestBody = t.requestBody(r, method)
	op.Responses = t.responses(r)
	return op
}

// method returns the method in upper case; requests without one are GET.
func (t *translation) method(r *request) string {
	method, _ := t.expand(strings.TrimSpace(r.method), r, t.defaults())
	if method == "" {
		return "GET"
	}
	if strings.Trim(strings.ToUpper(method), "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" || len(method) > 32 {
		t.warn("MethodInvalid", r.node, "write an HTTP method", "%q is no method; GET is used", shorten(method))
		return "GET"
	}
	return strings.ToUpper(method)
}

// duplicates notes requests for the same method and path. They stay apart: what
// else they send is what they differ by.
func (t *translation) duplicates() {
	first := map[string]string{}
	for i, op := range t.def.GetOperations() {
		k := op.GetMethod() + " " + op.GetPath()
		if len(op.GetServers()) > 0 {
			k += " " + key(op.GetServers()[0])
		}
		if other, ok := first[k]; ok {
			t.note("DuplicateRequest", t.col.requests[i].node, "the request has the method and path of %q; both are kept", other)
			continue
		}
		first[k] = op.GetOperationId()
	}
}
