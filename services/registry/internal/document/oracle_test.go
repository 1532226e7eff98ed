package document_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// generator makes random values from a fixed seed.
type generator struct{ *rand.Rand }

func (g generator) value(depth int) any {
	kind := g.IntN(7)
	if depth == 0 {
		kind = g.IntN(5)
	}
	switch kind {
	case 0:
		return nil
	case 1:
		return g.IntN(2) == 0
	case 2:
		return json.Number(strconv.FormatInt(g.Int64()-g.Int64(), 10))
	case 3:
		return json.Number(strconv.FormatFloat(g.NormFloat64()*1e6, 'g', -1, 64))
	case 4:
		return g.text()
	case 5:
		list := make([]any, g.IntN(5))
		for i := range list {
			list[i] = g.value(depth - 1)
		}
		return list
	}
	object := map[string]any{}
	for range g.IntN(20) {
		object[g.text()] = g.value(depth - 1)
	}
	return object
}

func (g generator) text() string {
	alphabet := []rune("abc {}[]:,\"\\/~#&*!|>'%@`\t\n-0.éß漢🚀\u2028")
	text := make([]rune, g.IntN(8))
	for i := range text {
		text[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(text)
}

// decode reads JSON with the standard library, numbers as they are written.
func decode(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

func TestRandomJSONIsReadAsTheStandardLibraryReadsIt(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(1, 2))}
	for range 2000 {
		value := map[string]any{"root": g.value(4)}
		for _, indent := range []string{"", "\t"} {
			text, err := json.MarshalIndent(value, indent, indent)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := document.Parse("a.json", text)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if got, want := decode(t, doc.Root().JSON()), decode(t, text); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s is read as %s", text, doc.Root().JSON())
			}
			checkTree(t, doc, doc.Root())
		}
	}
}

// checkTree checks what is true of every node.
func checkTree(t *testing.T, doc *document.Document, n *document.Node) {
	t.Helper()
	if doc.Root().At(n.Pointer()) != n {
		t.Fatalf("%s does not lead back to its node in %s", n.Pointer(), doc.Root().JSON())
	}
	if line, column := doc.Position(n); line < 1 || column < 1 {
		t.Fatalf("%s is at %d:%d", n.Pointer(), line, column)
	}
	for _, c := range n.Children() {
		if c.Parent() != n {
			t.Fatalf("%s has another parent", c.Pointer())
		}
		if n.Is(document.Object) && n.Get(c.Key()) != c {
			t.Fatalf("%s is not found by its key", c.Pointer())
		}
		checkTree(t, doc, c)
	}
}

func TestRandomYAMLMeansWhatItsJSONMeans(t *testing.T) {
	g := generator{rand.New(rand.NewPCG(3, 4))}
	for range 1000 {
		value := map[string]any{"root": plain(g.value(3))}
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		// The encoder writes some keys in a way that nobody can read again, the
		// same library's decoder included, which is therefore the oracle.
		var meant map[string]any
		if yaml.Unmarshal(text, &meant) != nil {
			continue
		}
		doc, err := document.Parse("a.yaml", text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		want, err := json.Marshal(meant)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(doc.Root().JSON(), &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(want, &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) {
			t.Fatalf("%s is read as %s, want %s", text, doc.Root().JSON(), want)
		}
	}
}

// plain turns numbers into those that the YAML encoder knows.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return v
}

// TestEveryCutOfADocumentIsClosedOrRefused cuts a document after each byte: what
// is left is read with a remark, or refused at a place that is not beyond its end.
func TestEveryCutOfADocumentIsClosedOrRefused(t *testing.T) {
	const whole = "{\n \"a\": [1, -2.5e3, true, null, \"x\\u00e9\"],\n \"é\": {\"b\": {}}\n}"
	for n := 1; n < len(whole); n++ {
		doc, err := document.Parse("a.json", []byte(whole[:n]))
		lines := strings.Count(whole[:n], "\n") + 1
		if err != nil {
			if !strings.Contains(err.Error(), "line ") || lineOf(t, err) > lines {
				t.Errorf("%q: %v", whole[:n], err)
			}
			continue
		}
		if !json.Valid(doc.Root().JSON()) {
			t.Errorf("%q is read as %s", whole[:n], doc.Root().JSON())
		}
		kinds := map[document.RemarkKind]bool{}
		for _, r := range doc.Remarks() {
			kinds[r.Kind] = r.Line <= lines
		}
		if !kinds[document.JSONUnclosed] {
			t.Errorf("%q is read with the remarks %v", whole[:n], doc.Remarks())
		}
	}
}

func lineOf(t *testing.T, err error) int {
	t.Helper()
	_, after, _ := strings.Cut(err.Error(), "at line ")
	number, _, _ := strings.Cut(after, ",")
	line, convErr := strconv.Atoi(number)
	if convErr != nil {
		t.Fatalf("%v names no line", err)
	}
	return line
}

func BenchmarkParse(b *testing.B) {
	g := generator{rand.New(rand.NewPCG(5, 6))}
	var list []any
	for range 3000 {
		list = append(list, g.value(3))
	}
	asJSON, err := json.MarshalIndent(map[string]any{"a": list}, "", "  ")
	if err != nil {
		b.Fatal(err)
	}
	for name, content := range map[string][]byte{"json": asJSON, "yaml": append([]byte("# flow\n"), asJSON...)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := document.Parse("a."+name, content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
