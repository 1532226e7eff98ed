package sign_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/sign"
)

func TestTemplates(t *testing.T) {
	text := func(s string) sign.Part { return sign.Part{Text: s} }
	name := func(s string) sign.Part { return sign.Part{Placeholder: s} }
	tests := []struct {
		name, template string
		want           []sign.Part
	}{
		{"nothing", "", nil},
		{"text alone", "Token", []sign.Part{text("Token")}},
		{"a prefix", "Bearer {value}", []sign.Part{text("Bearer "), name("value")}},
		{"text behind", "key={value};v=1", []sign.Part{text("key="), name("value"), text(";v=1")}},
		{"placeholders side by side", "{a}{b c}", []sign.Part{name("a"), name("b c")}},
		{"braces that are meant", `{{"k":"{value}"}}`, []sign.Part{text(`{"k":"`), name("value"), text(`"}`)}},
		{"three braces", "{{{value}}}", []sign.Part{text("{"), name("value"), text("}")}},
		{"only braces that are meant", "{{}}", []sign.Part{text("{}")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := sign.ParseTemplate(tt.template)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTemplatesThatMeanNothing(t *testing.T) {
	tests := []struct{ name, template, want string }{
		{"a brace that is not closed", "Bearer {value", "no closing one"},
		{"a brace within braces", "{a{b}}", "no closing one"},
		{"a brace that was not opened", "value}", "no opening one"},
		{"no name", "a{}b", "no name"},
		{"too long", strings.Repeat("x", 8193), "8192 bytes"},
		{"too many", strings.Repeat("{a}", 129), "64 placeholders"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := sign.ParseTemplate(tt.template); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func FuzzTemplate(f *testing.F) {
	f.Add("Bearer {value}")
	f.Add("{{}}{a}}}")
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := sign.ParseTemplate(text)
		if err != nil {
			return
		}
		var again strings.Builder // writing it again and reading that gives the same
		for _, p := range parts {
			if p.Placeholder != "" {
				again.WriteString("{" + p.Placeholder + "}")
				continue
			}
			again.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(p.Text))
		}
		back, err := sign.ParseTemplate(again.String())
		if err == nil && !cmp.Equal(parts, back) {
			t.Errorf("%q became %v and then %v", text, parts, back)
		}
	})
}
