package reference_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/reference"
)

var update = flag.Bool("update", false, "write the pages that are expected")

// page reads a definition and writes its page.
func page(t *testing.T, text string) string {
	t.Helper()
	def := &connectorv1.Definition{}
	if err := prototext.Unmarshal([]byte(text), def); err != nil {
		t.Fatal(err)
	}
	return string(reference.Page{Connector: "crm", Revision: "4e1f0c", Definition: def}.Markdown())
}

func TestTheWholePage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "crm.textproto"))
	if err != nil {
		t.Fatal(err)
	}
	got := page(t, string(text))
	golden := filepath.Join("testdata", "crm.md")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("page (-want +got):\n%s", diff)
	}
}

func TestAPageSaysThatNobodyCanConnect(t *testing.T) {
	got := page(t, `info { title: "A" } parameter_sets { name: "default" unsupported { kind: "NTLM" remedy: "use a proxy" } }`)
	if !strings.Contains(got, "No connection can be made: the API authenticates with NTLM, which is not supported; use a proxy.") || strings.Contains(got, "ferrule connect") {
		t.Errorf("page:\n%s", got)
	}
}

func TestTextsOfOthersStayTexts(t *testing.T) {
	tests := []struct {
		name, definition string
		want             []string
		never            []string
	}{
		{
			"markup in a title", `info { title: "A *bold* <script>" }`,
			[]string{`# A \*bold\* &lt;script&gt;`},
			[]string{"<script>"},
		},
		{
			"a heading and HTML in a description", `info { title: "A" description: "# Big\n<img src=x>\n* a list" }`,
			[]string{"**Big**", "&lt;img src=x>", "* a list"},
			[]string{"\n# Big", "<img"},
		},
		{
			"a link that is none", `info { title: "A" links { url: "javascript:alert(1)" description: "Docs" } }`,
			[]string{"javascript:alert(1)"},
			[]string{"<javascript:", "](javascript:"},
		},
		{
			"a pipe in a table", `info { title: "A" } operations { operation_id: "a|b" summary: "x | y" kind: OPERATION_KIND_ACTION }`,
			[]string{`x \| y`},
			nil,
		},
		{
			"a quote in a command", `info { title: "A" } operations { operation_id: "it's" kind: OPERATION_KIND_ACTION }`,
			[]string{`'it'\''s'`},
			nil,
		},
		{
			"control characters", `info { title: "A\u202eB\u001b[31m" }`,
			[]string{`# AB\[31m`},
			[]string{"\x1b", "\u202e"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := page(t, tt.definition)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in:\n%s", want, got)
				}
			}
			for _, never := range tt.never {
				if strings.Contains(got, never) {
					t.Errorf("%q is in:\n%s", never, got)
				}
			}
		})
	}
}

func TestBodiesThatNeverEndAreShownOnce(t *testing.T) {
	got := page(t, `
		info { title: "A" }
		operations {
			operation_id: "Make" kind: OPERATION_KIND_ACTION
			request_body { contents { media_type: "application/json" schema: '{"$ref":"#/$defs/Node"}' } }
		}
		schemas { name: "Node" json: '{"type":"object","properties":{"name":{"type":"string"},"child":{"$ref":"#/$defs/Node"}}}' }
	`)
	if n := strings.Count(got, "`body.child`"); n != 1 || strings.Contains(got, "body.child.child") {
		t.Errorf("the child is shown %d times:\n%s", n, got)
	}
}

func TestWhatIsNotForPeopleIsLeftOut(t *testing.T) {
	got := page(t, `
		info { title: "A" }
		operations { operation_id: "Hidden" kind: OPERATION_KIND_ACTION visibility: VISIBILITY_INTERNAL }
		operations {
			operation_id: "Shown" kind: OPERATION_KIND_ACTION
			parameters { name: "secretly" visibility: VISIBILITY_INTERNAL required: true }
			request_body { contents { schema: '{"properties":{"inner":{"x-ms-visibility":"internal"},"outer":{"type":"string"}}}' } }
		}
	`)
	for _, never := range []string{"Hidden", "secretly", "body.inner"} {
		if strings.Contains(got, never) {
			t.Errorf("%q is shown", never)
		}
	}
	if !strings.Contains(got, "`body.outer`") {
		t.Error("what is for people is left out too")
	}
}
