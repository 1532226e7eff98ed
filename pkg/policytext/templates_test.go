package policytext_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/policytext"
)

func TestTemplatesAreFoundByTheirIDs(t *testing.T) {
	for _, id := range policytext.TemplateIDs() {
		template, ok := policytext.TemplateOf(id)
		if !ok || len(template.Sections) == 0 || len(template.Required) == 0 || id != strings.ToLower(id) {
			t.Errorf("template %q is %+v, %v", id, template, ok)
		}
	}
	if _, ok := policytext.TemplateOf("setnothing"); ok {
		t.Error("there is a template that nobody knows")
	}
}

func TestParametersOfTemplatesAreComparedWithoutCase(t *testing.T) {
	route, _ := policytext.TemplateOf("routerequesttoendpoint")
	if diff := cmp.Diff([]string{"newPath", "httpMethod"}, route.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	path, ok := route.Parameter("NEWPATH")
	if !ok || path.Name != "newPath" || path.Dialect != policytext.Route || path.Allowed != nil {
		t.Errorf("the path is %+v, %v", path, ok)
	}
	if method, ok := route.Parameter("httpMethod"); !ok || !cmp.Equal(method.Allowed[:2], []string{"GET", "POST"}) {
		t.Errorf("the method is %+v, %v", method, ok)
	}
	if _, ok := route.Parameter("newHost"); ok {
		t.Error("it has a parameter that nobody knows")
	}
}
