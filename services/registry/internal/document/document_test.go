package document_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

func parse(t *testing.T, name, content string) *document.Document {
	t.Helper()
	doc, err := document.Parse(name, []byte(content))
	if err != nil {
		t.Fatalf("Parse(%s): %v", name, err)
	}
	return doc
}

func TestMembersKeepTheOrderOfTheSource(t *testing.T) {
	const want = `{"zeta":1,"alpha":{"b":2,"a":[true,null,"x"]},"1":1.50,"":-0e3}`
	doc := parse(t, "a.json", " { \"zeta\" :1, \"alpha\": {\"b\":2,\"a\":[true , null,\"x\"]},\n\"1\":1.50,\"\":-0e3 }\n")
	if got := string(doc.Root().JSON()); got != want {
		t.Errorf("written again: %s, want %s", got, want)
	}
	if doc.Syntax() != document.JSON || doc.Path() != "a.json" {
		t.Errorf("syntax %v, path %q", doc.Syntax(), doc.Path())
	}
}

func TestTextSurvives(t *testing.T) {
	for name, text := range map[string]string{
		"escapes":           "a\"b\\c/d\b\f\n\r\t",
		"outside ASCII":     "Grüße, 世界 🚀",
		"control character": "\x01\x1f",
		"line separators":   "\u2028\u2029",
		"empty":             "",
	} {
		t.Run(name, func(t *testing.T) {
			encoded, err := json.Marshal(map[string]string{text: text})
			if err != nil {
				t.Fatal(err)
			}
			root := parse(t, "a.json", string(encoded)).Root()
			if got := root.Children()[0]; got.Key() != text || got.Text() != text {
				t.Errorf("read %q: %q", got.Key(), got.Text())
			}
			var again map[string]string
			if err := json.Unmarshal(root.JSON(), &again); err != nil || again[text] != text {
				t.Errorf("written again: %s, %v", root.JSON(), err)
			}
		})
	}
}

func TestEveryNodeKnowsWhereItStands(t *testing.T) {
	const inJSON = "{\n  \"paths\": {\n    \"/ä/{id}\": {\"get\": [ 1,\n   \"ö\", 3]},\n    \"~x\": null\n  }\n}"
	const inYAML = "paths:\n  /ä/{id}:\n    get:\n    - 1\n    - ö\n    - 3\n  ~x: null\n"
	for _, row := range []struct {
		name, file, content, pointer string
		line, column                 int
	}{
		{"the root of JSON", "a.json", inJSON, "", 1, 1},
		{"an object", "a.json", inJSON, "/paths", 2, 12},
		{"a key with a slash", "a.json", inJSON, "/paths/~1ä~1{id}", 3, 16},
		{"columns count characters", "a.json", inJSON, "/paths/~1ä~1{id}/get", 3, 24},
		{"an item on the next line", "a.json", inJSON, "/paths/~1ä~1{id}/get/1", 4, 4},
		{"an item after one outside ASCII", "a.json", inJSON, "/paths/~1ä~1{id}/get/2", 4, 9},
		{"a key with a tilde", "a.json", inJSON, "/paths/~0x", 5, 11},
		{"the root of YAML", "a.yaml", inYAML, "", 1, 1},
		{"a mapping", "a.yaml", inYAML, "/paths/~1ä~1{id}", 3, 5},
		{"an item of a sequence", "a.yaml", inYAML, "/paths/~1ä~1{id}/get/2", 6, 7},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := parse(t, row.file, row.content)
			n := doc.Root().At(row.pointer)
			if n == nil {
				t.Fatalf("nothing at %q", row.pointer)
			}
			line, column := doc.Position(n)
			if line != row.line || column != row.column || n.Pointer() != row.pointer {
				t.Errorf("position %d:%d pointer %q, want %d:%d %q", line, column, n.Pointer(), row.line, row.column, row.pointer)
			}
		})
	}
}

func TestColumnsInVeryLongLines(t *testing.T) {
	// 30,000 characters of two bytes: places in the middle of a character are
	// among those that the table is built on.
	doc := parse(t, "a.json", "{\n\"x\":\""+strings.Repeat("é", 30_000)+"\",\"y\":1,\n\"z\":2}")
	for pointer, want := range map[string][2]int{"/x": {2, 5}, "/y": {2, 30_012}, "/z": {3, 5}} {
		if line, column := doc.Position(doc.Root().At(pointer)); line != want[0] || column != want[1] {
			t.Errorf("%s is at %d:%d, want %v", pointer, line, column, want)
		}
	}
}

func TestPlacesInAVeryLongLineOfYAML(t *testing.T) {
	// Aliases lead back to the start of the line, again and again.
	var b strings.Builder
	b.WriteString("é: &x {a: 1}\nlist: [")
	for range 15_000 {
		b.WriteString("é, *x, ")
	}
	b.WriteString("last]\n")
	began := time.Now()
	list := parse(t, "a.yaml", b.String())
	items := list.Root().Get("list").Children()
	for i, want := range map[int][2]int{0: {2, 8}, 1: {2, 11}, 3: {2, 18}, 29_999: {2, 8 + 14_999*7 + 3}, 30_000: {2, 8 + 15_000*7}} {
		if line, column := list.Position(items[i]); line != want[0] || column != want[1] {
			t.Errorf("item %d is at %d:%d, want %v", i, line, column, want)
		}
	}
	if line, column := list.Position(items[29_999].Get("a")); line != 1 || column != 11 {
		t.Errorf("a repeated value is at %d:%d", line, column)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestPointersToNowhere(t *testing.T) {
	root := parse(t, "a.json", `{"a":[1,2],"b":{"":3}}`).Root()
	for _, pointer := range []string{"a", "/c", "/a/2", "/a/-1", "/a/01", "/a/x", "/a/0/0", "/b/x/y"} {
		if n := root.At(pointer); n != nil {
			t.Errorf("At(%q) = %s, want nothing", pointer, n.JSON())
		}
	}
	if got := root.At("/b/").Text(); got != "3" {
		t.Errorf("the empty key holds %q", got)
	}
}

func TestNothingBehavesLikeNothing(t *testing.T) {
	var n *document.Node
	if n.Kind() != document.Invalid || n.Get("a").GetFold("b").At("/c") != nil || n.Children() != nil ||
		n.Str("a") != "" || n.True("a") || n.Text() != "" || n.Key() != "" || n.Pointer() != "" || n.Parent() != nil || n.JSON() != nil {
		t.Error("a nil node is more than nothing")
	}
	if string(n.AppendJSON(nil)) != "null" {
		t.Error("a nil node is not written as null")
	}
	if line, column := parse(t, "a.json", "{}").Position(nil); line != 0 || column != 0 {
		t.Errorf("a nil node has the position %d:%d", line, column)
	}
}

func TestLookUps(t *testing.T) {
	var large strings.Builder
	large.WriteString(`{"Title":"x","on":true,"n":1`)
	for i := range 100 {
		large.WriteString(`,"k` + strconv.Itoa(i) + `":` + strconv.Itoa(i))
	}
	large.WriteString("}")
	for name, content := range map[string]string{
		"a small object": `{"Title":"x","on":true,"n":1,"k7":7}`, "a large object": large.String(),
	} {
		t.Run(name, func(t *testing.T) {
			root := parse(t, "a.json", content).Root()
			if root.Str("Title") != "x" || root.Str("title") != "" || root.GetFold("tITLE").Text() != "x" {
				t.Error("keys are found wrongly")
			}
			if !root.True("on") || root.True("n") || root.Str("n") != "" || root.Get("k7").Text() != "7" || root.Get("k100") != nil {
				t.Error("values are found wrongly")
			}
		})
	}
}

func TestDuplicateKeysAreRemarked(t *testing.T) {
	var large strings.Builder
	for i := range 20 {
		large.WriteString(`"k` + strconv.Itoa(i) + `":0,`)
	}
	for _, row := range []struct{ name, file, content, want string }{
		{"in a small object", "a.json", `{"a":1,"b":2,"a":3,"a":4}`, `{"b":2,"a":4}`},
		{"in a large object", "a.json", `{"a":1,` + large.String() + `"a":3}`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := parse(t, row.file, row.content)
			if got := string(doc.Root().JSON()); row.want != "" && got != row.want {
				t.Errorf("tree is %s, want %s", got, row.want)
			}
			remarks := doc.Remarks()
			if len(remarks) != 1 || remarks[0].Kind != document.DuplicateKey || remarks[0].Node.Pointer() != "/a" {
				t.Fatalf("remarks %v", remarks)
			}
			if remarks[0].Node != doc.Root().Get("a") {
				t.Error("the remark is not about the value that counts")
			}
		})
	}
}

func TestByteOrderMarksAreSkippedAndRemarked(t *testing.T) {
	for _, content := range []string{"\ufeff{\"a\": 1}", "\ufeffa: 1\n"} {
		doc := parse(t, "file", content)
		if doc.Root().Get("a").Text() != "1" {
			t.Errorf("%q is read as %s", content, doc.Root().JSON())
		}
		if r := doc.Remarks(); len(r) != 1 || r[0].Kind != document.ByteOrderMark || r[0].Node != doc.Root() {
			t.Errorf("remarks %v", r)
		}
	}
}

func TestNotationIsChosenByContentAndName(t *testing.T) {
	for _, row := range []struct {
		name, file, content string
		want                document.Syntax
	}{
		{"an object is JSON whatever the name", "swagger", "\n\t {}", document.JSON},
		{"an object is JSON even in a YAML file", "swagger.yaml", `{"a": 1}`, document.JSON},
		{"a list is JSON", "list", "[1]", document.JSON},
		{"a list in a YAML file is YAML", "list.yml", "[a, b]", document.YAML},
		{"anything else is YAML", "swagger", "swagger: '2.0'", document.YAML},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := parse(t, row.file, row.content).Syntax(); got != row.want {
				t.Errorf("read as %v, want %v", got, row.want)
			}
		})
	}
}

func TestBrokenFilesAreRefusedWithThePlace(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, row := range []struct {
		name, file, content string
		reason              fault.Reason
		line, column        string
	}{
		{"an empty file", "a.json", "", fault.ReasonDocumentSyntax, "1", "1"},
		{"only white space", "a.yaml", " \n\n", fault.ReasonDocumentSyntax, "1", "1"},
		{"prose that is called JSON", "a.json", "hello", fault.ReasonDocumentSyntax, "1", "1"},
		{"nested past the limit", "a.json", deep(document.MaxDepth + 1), fault.ReasonDocumentTooDeep, "1", "513"},
		{"nested far past the limit", "a.json", deep(1_000_000), fault.ReasonDocumentTooDeep, "1", "513"},
		{"YAML nested past the limit", "a.yaml", "a: " + deep(document.MaxDepth), fault.ReasonDocumentTooDeep, "1", "515"},
		{"YAML nested far past the limit", "a.yaml", deep(100_000), fault.ReasonDocumentTooDeep, "1", "513"},
		{"YAML of several lines nested far past the limit", "a.yaml", "- " + strings.Repeat("[\n", 100_000), fault.ReasonDocumentSyntax, "10001", "1"},
		{"a value without a key", "a.json", "{\"a\": 1, 2}", fault.ReasonDocumentSyntax, "1", "10"},
		{"a key without a colon", "a.json", "{\n\"a\" \"b\"}", fault.ReasonDocumentSyntax, "2", "5"},
		{"prose as a value", "a.json", "{\"a\": some words}", fault.ReasonDocumentSyntax, "1", "7"},
		{"a number that is none", "a.json", "[--1]", fault.ReasonDocumentSyntax, "1", "2"},
		{"a program", "a.json", "{\"a\": f(x)}", fault.ReasonDocumentSyntax, "1", "7"},
		{"JSON after something else", "a.json", "var x = {}", fault.ReasonDocumentSyntax, "1", "1"},
		{"a picture", "a.json", "\x89PNG\r\n\x1a\n\x00", fault.ReasonDocumentNotUTF8, "1", "1"},
		{"a tab as indentation", "a.yaml", "a:\n  b: 1\n\tc: 2\n", fault.ReasonDocumentSyntax, "3", "1"},
		{"a colon in text", "a.yaml", "a:\n  b: c: d\n", fault.ReasonDocumentSyntax, "2", "7"},
		{"wrong indentation", "a.yaml", "a:\n  b: 1\n c: 2\n", fault.ReasonDocumentSyntax, "3", "2"},
		{"an unknown anchor", "a.yaml", "a: *b\n", fault.ReasonDocumentSyntax, "1", "1"},
		{"an alias that contains itself", "a.yaml", "a: &x\n  b: *x\n", fault.ReasonDocumentSyntax, "2", "6"},
		{"a merge that contains itself", "a.yaml", "a: &x\n  <<: *x\n", fault.ReasonDocumentSyntax, "1", "4"},
		{"a merge of text", "a.yaml", "a:\n  <<: text\n", fault.ReasonDocumentSyntax, "2", "7"},
		{"a key that is a mapping", "a.yaml", "? {a: 1}\n: 2\n", fault.ReasonDocumentSyntax, "1", "3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc, err := document.Parse(row.file, []byte(row.content))
			if fault.ReasonOf(err) != row.reason || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("Parse = %v, %v; want %s", doc, err, row.reason)
			}
			meta := fault.From(err).Meta()
			got := []string{meta["line"], meta["column"], meta["path"]}
			if diff := cmp.Diff([]string{row.line, row.column, row.file}, got); diff != "" {
				t.Errorf("place (-want +got):\n%s\n%v", diff, err)
			}
		})
	}
}

func TestDocumentsAtTheLimitAreRead(t *testing.T) {
	deep := strings.Repeat("[", document.MaxDepth) + strings.Repeat("]", document.MaxDepth)
	parse(t, "deep.json", deep)
	large := `{"a":"` + strings.Repeat("x", document.MaxBytes-8) + `"}`
	if len(large) != document.MaxBytes {
		t.Fatalf("the document has %d bytes", len(large))
	}
	parse(t, "large.json", large)
}

func TestDocumentsPastTheLimitAreRefused(t *testing.T) {
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 9 {
		bomb += "a" + strconv.Itoa(i+1) + ": &a" + strconv.Itoa(i+1) + " [" + strings.Repeat("*a"+strconv.Itoa(i)+", ", 9) + "*a" + strconv.Itoa(i) + "]\n"
	}
	keys := "a: &a {"
	for i := range 5000 {
		keys += "k" + strconv.Itoa(i) + ": 1, "
	}
	merges := keys + "}\nb:\n  <<: [" + strings.Repeat("*a, ", 5000) + "*a]\n"
	for name, content := range map[string]string{
		"one byte too many":           `{"a":"` + strings.Repeat("x", document.MaxBytes-7) + `"}`,
		"too many values":             "[" + strings.Repeat("1,", document.MaxNodes) + "1]",
		"too many YAML values":        "? a\n" + strings.Repeat("- 1\n", 4_000_001),
		"aliases of aliases":          bomb,
		"the same mapping over again": merges,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := document.Parse("a", []byte(content))
			if fault.ReasonOf(err) != fault.ReasonDocumentTooLarge || fault.From(err).Meta()["limit"] == "" {
				t.Errorf("Parse: %v, want DOCUMENT_TOO_LARGE with the limit", err)
			}
		})
	}
}

func TestYAMLIsReadAsJSON(t *testing.T) {
	for _, row := range []struct{ name, content, want string }{
		{"scalars", "a: text\nb: 1\nc: 1.50\nd: true\ne: null\nf: ~\ng:\n", `{"a":"text","b":1,"c":1.50,"d":true,"e":null,"f":null,"g":null}`},
		{"quoted scalars are text", "a: '1'\nb: \"true\"\nc: 'null'\n", `{"a":"1","b":"true","c":"null"}`},
		{"numbers that JSON writes otherwise", "a: 0x1F\nb: 0o17\nc: 1_000\nd: +1\ne: .5\nf: 1.\n", `{"a":31,"b":15,"c":1000,"d":1,"e":0.5,"f":1}`},
		{"numbers beyond 64 bits", "a: 123456789012345678901234567890\n", `{"a":123456789012345678901234567890}`},
		{"what is no number in JSON", "a: .inf\nb: .nan\n", `{"a":".inf","b":".nan"}`},
		{"dates stay text", "a: 2020-01-02\nb: 2020-01-02T03:04:05Z\n", `{"a":"2020-01-02","b":"2020-01-02T03:04:05Z"}`},
		{"yes and no are text", "a: yes\nb: off\n", `{"a":"yes","b":"off"}`},
		{"keys become text", "200: a\ntrue: b\nnull: c\n", `{"200":"a","true":"b","null":"c"}`},
		{"block text", "a: |\n  x\n  y\nb: >-\n  x\n  y\n", `{"a":"x\ny\n","b":"x y"}`},
		{"sequences", "- a\n- [b, c]\n- {d: e}\n", `["a",["b","c"],{"d":"e"}]`},
		{"aliases are copies", "a: &x {b: 1}\nc: *x\nd: [*x, *x]\n", `{"a":{"b":1},"c":{"b":1},"d":[{"b":1},{"b":1}]}`},
		{"merges do not replace", "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: 3\n", `{"a":{"b":1,"c":2},"d":{"b":3,"c":2}}`},
		{"earlier merges win", "a: &x {k: 1}\nb: &y {k: 2, l: 2}\nc:\n  <<: [*x, *y]\n", `{"a":{"k":1},"b":{"k":2,"l":2},"c":{"k":1,"l":2}}`},
		{"merges of merges", "a: &x {k: 1}\nb: &y\n  <<: *x\n  l: 2\nc:\n  <<: *y\n", `{"a":{"k":1},"b":{"l":2,"k":1},"c":{"l":2,"k":1}}`},
		{"tags are ignored", "a: !thing {b: 1}\nc: !!str 1\n", `{"a":{"b":1},"c":"1"}`},
		{"a directive and an end", "%YAML 1.1\n---\na: 1\n...\n", `{"a":1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := string(parse(t, "a.yaml", row.content).Root().JSON())
			if got != row.want {
				t.Errorf("read as %s, want %s", got, row.want)
			}
		})
	}
}

func TestJSONReadAsYAMLIsTheSame(t *testing.T) {
	const content = `{"a":[1,2.5,-3e10,true,false,null,"x: y","#z"],"b":{"c":"\u00e9\n"},"d":{}}`
	asJSON := parse(t, "a.json", content).Root().JSON()
	asYAML := parse(t, "a.yaml", " # flow style\n"+content).Root().JSON()
	if diff := cmp.Diff(string(asJSON), string(asYAML)); diff != "" {
		t.Errorf("(-JSON +YAML):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,"\u00e9",{"b":null}],"a":2}`, "a: &x [1]\nb: *x\n<<: {c: 1}\n", "\ufeff{}", "[", "{\"\\ud800\":1}", "- ? [a]\n  : b\n", "\xff",
		"? - \n", "!!binary x: y", "%TAG ! x\n---\na", "a: !!float 1\n", "a:\n\t- b",
	} {
		f.Add("a.json", []byte(seed))
		f.Add("a.yaml", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		doc, err := document.Parse(name, content)
		if err != nil {
			if fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("the error is no refusal: %v", err)
			}
			return
		}
		text := doc.Root().JSON()
		if !json.Valid(text) {
			t.Fatalf("%q is written as %q, which is not JSON", content, text)
		}
		again, err := document.Parse("again.json", text)
		if err != nil {
			t.Fatalf("cannot read what was written: %v", err)
		}
		if got := again.Root().JSON(); string(got) != string(text) {
			t.Fatalf("written first as %q, then as %q", text, got)
		}
	})
}
