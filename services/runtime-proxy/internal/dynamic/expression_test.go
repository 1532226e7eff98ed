package dynamic

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func TestExpressions(t *testing.T) {
	const item = `{"IsFolder":true,"hidden":false,"MediaType":"audio/mpeg","size":10,"big":12345678901234567891,"name":"it's","flag":"true","no":null,"meta":{"kind":"doc","on":true},"@odata.type":"x"}`
	for expression, want := range map[string]bool{
		"(IsFolder eq true)":                     true,
		"IsFolder":                               true,
		"hidden":                                 false,
		"not hidden":                             true,
		"not not IsFolder":                       true,
		"true":                                   true,
		"false":                                  false,
		"TRUE":                                   true,
		"missing":                                false,
		"not missing":                            true,
		"flag":                                   true,
		"flag eq true":                           true,
		"(MediaType eq 'audio/mpeg')":            true,
		`MediaType eq "audio/mpeg"`:              true,
		"MediaType eq 'Audio/MPEG'":              false,
		"MediaType ne 'audio/mpeg'":              false,
		"MediaType EQ 'audio/mpeg' AND IsFolder": true,
		"hidden and IsFolder or IsFolder":        true,
		"IsFolder or IsFolder and hidden":        true,
		"(IsFolder or IsFolder) and hidden":      false,
		"not hidden and hidden":                  false,
		"not (hidden and hidden)":                true,
		"size gt 9":                              true,
		"size gt 10":                             false,
		"size ge 10.0":                           true,
		"size lt 1e2":                            true,
		"size le 9":                              false,
		"size eq '10'":                           true,
		"big eq 12345678901234567891":            true,
		"big gt 12345678901234567890":            true,
		"name eq 'it''s'":                        true,
		"no eq null":                             true,
		"no ne null":                             false,
		"missing eq null":                        true,
		"size ne null":                           true,
		"missing gt 1":                           false,
		"missing lt 1":                           false,
		"meta/kind eq 'doc'":                     true,
		"meta.kind eq 'doc'":                     true,
		"meta.on":                                true,
		"@odata.type eq 'x'":                     true,
		"startswith(MediaType,'audio/')":         true,
		"startswith(MediaType, 'video/') or endswith(name,'s')": true,
		"contains(MediaType,'/mp')":                             true,
		"name eq 'and'":                                         false,
	} {
		holds, err := compile(expression, false)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if got := holds(jsontext.Value(item)); got != want {
			t.Errorf("%s is %v", expression, got)
		}
	}
}

func TestExpressionsThatCannotBeRead(t *testing.T) {
	for _, expression := range []string{
		"(", ")", "()", "(a", "a)", "a eq", "a eq b c", "a b", "a and", "contains(a,b) eq true", "not", "'open", "a eq 'open", ",",
		"contains(a)", "contains(a,b", "contains a,b)", "startswith(", "a eq (b)",
		strings.Repeat("(", 100) + "a" + strings.Repeat(")", 100), strings.Repeat("not ", 100) + "a", strings.Repeat("a or ", 2000) + "a",
	} {
		if _, err := compile(expression, true); err == nil {
			t.Errorf("%.40q was read", expression)
		}
	}
}

func TestNoExpressionIsWhatElse(t *testing.T) {
	for _, otherwise := range []bool{true, false} {
		holds, err := compile(" ", otherwise)
		if err != nil || holds(jsontext.Value(`{}`)) != otherwise {
			t.Errorf("nothing is not %v, %v", otherwise, err)
		}
	}
}

func FuzzExpressionsNeverPanic(f *testing.F) {
	f.Add("(IsFolder eq true) and not startswith(a.b,'c')", `{"a":{"b":"c"}}`)
	f.Fuzz(func(_ *testing.T, expression, item string) {
		if holds, err := compile(expression, false); err == nil {
			holds(jsontext.Value(item))
		}
	})
}

func BenchmarkExpression(b *testing.B) {
	holds, err := compile("(IsFolder eq true)", false)
	if err != nil {
		b.Fatal(err)
	}
	item := jsontext.Value(`{"id":1,"name":"a","IsFolder":true}`)
	b.ReportAllocs()
	for b.Loop() {
		holds(item)
	}
}
