package grpcx_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	errorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/error/v1"
)

// reasons reads the constants of package fault in its source, so that none can be
// forgotten in a list.
func reasons(t *testing.T) (values []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../fault/reasons.go", nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, value := range spec.Values {
			literal, _ := value.(*ast.BasicLit)
			if literal == nil {
				t.Errorf("%s is no text", spec.Names[0])
				continue
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Error(err)
			}
			values = append(values, text)
		}
		return true
	})
	return values
}

func TestReasonsAreStableNames(t *testing.T) {
	shape, seen := regexp.MustCompile(`^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$`), map[string]bool{}
	for _, r := range reasons(t) {
		if !shape.MatchString(r) || seen[r] {
			t.Errorf("reason %q is not UPPER_SNAKE_CASE, or is there twice", r)
		}
		seen[r] = true
	}
}

func TestReasonsEqualThePublishedEnumOneToOne(t *testing.T) {
	published := map[string]bool{}
	for number, name := range errorv1.Reason_name {
		if number == int32(errorv1.Reason_REASON_UNSPECIFIED) {
			continue // never sent
		}
		published[strings.TrimPrefix(name, "REASON_")] = true
	}
	known := map[string]bool{}
	for _, r := range reasons(t) {
		known[r] = true
		if !published[r] {
			t.Errorf("the reason %s is not in the enum ferrule.error.v1.Reason", r)
		}
	}
	for r := range published {
		if !known[r] {
			t.Errorf("the enum's reason %s has no constant in package fault", r)
		}
	}
}
