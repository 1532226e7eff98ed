package postman_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

func file(path, content string) format.File {
	return format.File{Path: path, Content: []byte(content)}
}

func source(tb testing.TB, files ...format.File) *format.Source {
	tb.Helper()
	src, err := format.NewSource(files)
	if err != nil {
		tb.Fatal(err)
	}
	return src
}

func load(tb testing.TB, files ...format.File) *format.Result {
	tb.Helper()
	result, err := postman.Importer{}.Import(tb.Context(), source(tb, files...))
	if err != nil {
		tb.Fatal(err)
	}
	return result
}

// collection is one of version 2.1 with these items; more are further members of
// the root, each with a comma in front.
func collection(items string, more ...string) string {
	return `{"info":{"name":"Test","schema":"https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},"item":[` +
		items + `]` + strings.Join(more, "") + `}`
}

// request is an item with one request.
func request(name, members string) string {
	return fmt.Sprintf(`{"name":%q,"request":{%s}}`, name, members)
}

// one imports a collection with one request, and returns its operation.
func one(tb testing.TB, members string, more ...string) (*connectorv1.Operation, *format.Result) {
	tb.Helper()
	result := load(tb, file("c.json", collection(request("One", members), more...)))
	return result.Definition.GetOperations()[0], result
}

// codes are those of the findings, sorted.
func codes(r *format.Result) []string {
	list := []string{}
	for _, f := range r.Findings {
		list = append(list, f.Code)
	}
	slices.Sort(list)
	return list
}

// parameters are written "location name schema" with what else there is to say.
func parameters(op *connectorv1.Operation) []string {
	list := []string{}
	for _, p := range op.GetParameters() {
		s := strings.ToLower(strings.TrimPrefix(p.GetLocation().String(), "PARAMETER_LOCATION_")) + " " + p.GetName() + " " + string(p.GetSchema())
		if p.GetRequired() {
			s += " required"
		}
		for _, e := range p.GetExamples() {
			s += " e.g. " + string(e)
		}
		list = append(list, s)
	}
	return list
}

// quote writes text as JSON.
func quote(s string) string {
	return string(document.AppendString(nil, s))
}
