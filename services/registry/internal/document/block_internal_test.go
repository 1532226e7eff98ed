package document

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// bothReaders reads the source in both ways. fast is nil where the fast reader
// leaves the document to the general one.
func bothReaders(source string) (fast, general *Document, fastErr, generalErr error) {
	fast, general = &Document{path: "a"}, &Document{path: "a"}
	fast.lines.source, general.lines.source = source, source
	r := &blockReader{builder: builder{doc: fast}, s: source}
	fast.root, fastErr = r.document()
	if errors.Is(fastErr, errOtherStyle) {
		fast = nil
	}
	generalErr = readGeneralYAML(general, &blockReader{})
	return fast, general, fastErr, generalErr
}

// compare fails where both readers read the source and differ.
func compareReaders(t *testing.T, source string) (wasFast bool) {
	t.Helper()
	fast, general, fastErr, generalErr := bothReaders(source)
	if fast == nil {
		return false
	}
	if (fastErr == nil) != (generalErr == nil) {
		t.Fatalf("%q: the fast reader says %v, the general one %v", source, fastErr, generalErr)
	}
	if fastErr != nil {
		return true
	}
	if got, want := fast.root.JSON(), general.root.JSON(); string(got) != string(want) {
		t.Fatalf("%q is read as %s, want %s", source, got, want)
	}
	if got, want := positions(fast), positions(general); got != want {
		t.Fatalf("%q: places %s, want %s", source, got, want)
	}
	return true
}

func positions(d *Document) string {
	var b strings.Builder
	var walk func(n *Node)
	walk = func(n *Node) {
		line, column := d.Position(n)
		fmt.Fprintf(&b, "%s@%d:%d ", n.Pointer(), line, column)
		for _, c := range n.Children() {
			walk(c)
		}
	}
	walk(d.root)
	return b.String()
}

// blockSamples are read by the fast reader, all of them.
var blockSamples = []string{
	"a: 1\n", "a:\n", "a:\nb:", "a: \n  b\n", "a: # c\n  b: 1 # d\n# e\n  # f\n\n  c: 'x'\n",
	"---\na: 1\n", "- a\n- b\n", "-\n- \n-\n  a: 1\n", "- - a\n  - b\n-   - c\n", "- a: 1\n  b: 2\n-   c: 3\n    d: 4\n",
	"a:\n- b\n- c\nd: 1\n", "a:\n  - b:\n    - c\n    d:\n  - e\n", "- a:\n- b:\n  - c\n",
	"a: text goes\n  on and\n\n\n  on # end\nb: 1\n", "a:\n  text\n  goes on\nb:\n  - long\n    item\n",
	"'a b': 1\n\"c\\td\": 2\n'it''s': 3\n\"e\" : 4\n", "a: \"x\\u00e9\\n\\x41\\U0001F680\"\nb: 'it''s'\nc: \"\"\nd: ''\n",
	"a: \"one\n  two\n\n  three\"\nb: 'one\n\n\n  it''s  \n two'\n",
	"a: |\n  x\n   y\n\n  z\nb: >\n  x\n  y\n\n  z\n   more\n  less\n", "a: |-\n  x\n\n\nb: |+\n  x\n\n\nc: >+\n\n  x\n\n", "a: |\n\nb: >\n    \n   x\n",
	"a: |\n  # no comment\n # comment\nb: 1\n", "a: >-\n  x\n\n    y\n\n  z", "- |\n x\n- >\n  y\n", "a: |", "a: |+\n\n\n", "a: |  # c\n  x\n",
	"a: [b, 'c', \"d\", 1, true, null, [e], {f: g, 'h': [i]}]\nb: {$ref: '#/x'} # c\n", "- [a, b]\n- {c: d}\n-   [ ]\n- { }\n", "a:\n  [b, c d,e]\n", "a: {b: c, b: d}\n", "a: [b]c\n", "a: [b]#c\n", "a: [b,]\n", "a: [b: c]\n", "a: {b}\n", "a: {b: }\n", "a: {b:c}\n", "a: [b\n c]\n", "a: {\"b\":c}\n", "a: [1.5, 2020-01-02, 0x1F, y]\n", "a: [b , c ]\n", "[a]: b\n", "{a: b}: c\n", "a: [b]: c\n", "a: [b] \n c\n", "a: [- b]\n", "a: [b - c]\n", "a: {<<: b}\n", "a: [é, b]\n",
	"a: []\nb: {}\nc: [] # d\n- e", "a: []\nb: {} # c\n",
	"a: 1.50\nb: -1\nc: +1\nd: 0x1F\ne: 0o17\nf: 007\ng: 1_000\nh: .5\ni: 1e3\nj: 2020-01-02\nk: 123456789012345678901234567890\nl: -\u00e9\n",
	"a: true\nb: No\nc: ~\nd: Null\ne: nullx\nf: .inf\ng: yes\nh: truE\n", "200:\n  a: 1\n2XX: b\n? x\n", "200: a\ntrue: b\nnull: c\n'': d\n",
	"/a/{b}:\n  get: x\nhttp://x: y\na: http://x:80/#y\nb: a#b\n", "$ref: '#/components/x'\n'@odata.type': a\n",
	"a: -x\nb: ?x\nc: :x\nd: -- x\n", "a: 1\r\nb:\r\n  - c\r\n  - |\r\n    x\r\n    y\r\n  - long\r\n    text\r\n", "a: x:y\nb: x :y\n",
	"a: é漢🚀\né: b\n", "a: 1\na: 2\n", "a:   \nb:\n\n\n  c: 1\n\n", "a: x'y\"z\nb: x, y\nc: a]b}c\n", "a: b\n#c", "a: b  \n  #c\n d: 1\n", "a: |\n  x\n  ",
	"a: >\n  x\n \n  y\n", "a: |\n   \n  x\n", "a: 'x' # y\nb: \"x\"\n", "a: - b\n", "a:\n  - b\n c\n", "a: b: c\n", "a: b\n c: d\n", "a\n", "[]", "a: [b]\n", "a: &x b\nc: *x\n", "a: !t b\n", "? a\n: b\n", "<<: a\n", "a:\tb\n", "a:\n\tb\n", "a: b\tc\n", "%YAML 1.2\n---\na: b\n", "a: b\n---\nc\n", "a: b\n...\n", "\ufeffa: b", "a: \u2028b\n", "a: 'x\n", "a: \"x\\q\"\n", "a: @b\n", "a: \"\\/\"\n", "a: |2\n  b\n", "- a\nb: c\n", "a: b\n  - c\n", "a:\n- b\n  c: d\n", "a: 'b' c\n", "a: \"b\"c\n", "\"a\"b: c\n", "'a\n b': c\n", "a: |x\n  y\n", "- -\n", "- - \n  -\n", "-\n-", "a: x\n\n\n", "\n\n# c\n\na: b",
}

func TestTheFastReaderAgreesWithTheGeneralOne(t *testing.T) {
	fast := 0
	for _, source := range blockSamples {
		if compareReaders(t, source) {
			fast++
		}
	}
	if fast < 45 {
		t.Errorf("only %d of %d documents are read fast", fast, len(blockSamples))
	}
}

// TestTheFastReaderAgreesOnMutatedDocuments changes, cuts and glues documents at
// random, by a fixed seed.
func TestTheFastReaderAgreesAtTheLimitOfDepth(t *testing.T) {
	for _, levels := range []int{MaxDepth - 2, MaxDepth - 1, MaxDepth, MaxDepth + 1} {
		compareReaders(t, strings.Repeat("- ", levels)+"a\n")
		compareReaders(t, strings.Repeat("- ", levels-2)+"[[a]]\n")
		compareReaders(t, "a: "+strings.Repeat("[", levels)+strings.Repeat("]", levels)+"\n")
	}
}

func TestTheFastReaderAgreesOnMutatedDocuments(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	pieces := []string{"\n", " ", "  ", ":", ": ", "- ", "[a, b]", "{a: b}", "'", "\"", "#", " #", "|", ">", "\t", "a", "1", "{", "[", "]", "}", "\\", "\r\n", "é", "\n\n", "---", "?", "&", "*", "!", ",", "-", "+", "0", "~", "<<"}
	fast := 0
	for range 25_000 {
		source := blockSamples[random.IntN(len(blockSamples))]
		if random.IntN(4) == 0 {
			source += blockSamples[random.IntN(len(blockSamples))]
		}
		for range 1 + random.IntN(3) {
			at := random.IntN(len(source) + 1)
			switch random.IntN(3) {
			case 0:
				source = source[:at] + pieces[random.IntN(len(pieces))] + source[at:]
			case 1:
				source = source[:at] + source[min(at+1+random.IntN(3), len(source)):]
			default:
				source = source[:at] + pieces[random.IntN(len(pieces))] + source[min(at+1, len(source)):]
			}
		}
		if strings.ToValidUTF8(source, "") == source && compareReaders(t, source) {
			fast++
		}
	}
	if fast < 2000 {
		t.Errorf("only %d documents were read fast", fast)
	}
}

// TestTheFastReaderReadsWhatPeopleWrite takes the documents of the corpus in the
// form that the YAML library writes.
func TestTheFastReaderReadsWhatPeopleWrite(t *testing.T) {
	files := corpusFiles(t)
	for _, name := range files[:min(40, len(files))] {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if len(content) > 60_000 || yaml.Unmarshal(content, &value) != nil {
			continue
		}
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		compareReaders(t, string(text))
	}
}

func corpusFiles(t *testing.T) []string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		for _, kind := range []string{"*/*.json", "*.json"} {
			if found, _ := filepath.Glob(filepath.Join(dir, "shared", "corpus", "openapi3", kind)); len(found) > 0 {
				return found
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("the corpus of OpenAPI documents is not there: no directory shared/corpus/openapi3 around this one")
		}
		dir = parent
	}
}

// large is a description of the shape that tools write for APIs with thousands of
// operations.
func large(operations int) string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.4\ninfo:\n  title: Large\n  version: v1.0\npaths:\n")
	for i := range operations {
		fmt.Fprintf(&b, `  '/users/{user-id}/items%d':
    description: Provides operations to manage the items property.
    get:
      tags:
        - users.item
      summary: Get items from users
      description: 'Read the properties: this is number %d.'
      operationId: users.GetItems%d
      parameters:
        - name: user-id
          in: path
          required: true
          schema:
            type: string
        - name: $orderby
          in: query
          explode: false
          schema:
            type: array
            items:
              enum:
                - id
                - id desc
              type: string
        - $ref: '#/components/parameters/top'
      responses:
        2XX:
          description: Retrieved entity
          content:
            application/json:
              schema:
                $ref: '#/components/schemas/microsoft.graph.item'
        default:
          $ref: '#/components/responses/error'
      security: []
`, i, i, i)
	}
	return b.String()
}

func TestLargeDescriptionsAreReadByTheFastReader(t *testing.T) {
	if !compareReaders(t, large(500)) {
		t.Error("the fast reader leaves the description to the general one")
	}
}

func BenchmarkLargeYAML(b *testing.B) {
	content := []byte(large(10_000))
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse("a.yaml", content); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzBlockReader(f *testing.F) {
	for _, source := range blockSamples {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if strings.ToValidUTF8(source, "") == source {
			compareReaders(t, source)
		}
	})
}
