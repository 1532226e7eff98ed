package document_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// remarks lists the remarks of a document as "kind line:column".
func remarks(doc *document.Document) []string {
	var list []string
	for _, r := range doc.Remarks() {
		list = append(list, fmt.Sprintf("%s %d:%d", r.Kind, r.Line, r.Column))
	}
	return list
}

func TestBrokenJSONIsReadAsItWasMeant(t *testing.T) {
	for _, row := range []struct{ name, content, want, remarks string }{
		{"a line comment", "{ // no\n\"a\": 1 // \"b\"\n}", `{"a":1}`, "JSONComment 1:3, JSONComment 2:8"},
		{"a block comment", "/* x\n */{\"a\": /* , */ 1}", `{"a":1}`, "JSONComment 1:1, JSONComment 2:10"},
		{"a comment of other languages", "{\n# x\n\"a\": 1}", `{"a":1}`, "JSONComment 2:1"},
		{"a comment that never ends", `{"a": 1} /* x`, `{"a":1}`, "JSONComment 1:10"},
		{"slashes in text are no comment", `{"a": "http://x /* y */"}`, `{"a":"http://x /* y */"}`, ""},
		{"a comma too many in an object", "{\n \"a\": 1,\n}", `{"a":1}`, "JSONTrailingComma 2:8"},
		{"a comma too many in a list", "[1,\n2, ]", `[1,2]`, "JSONTrailingComma 2:2"},
		{"two commas", `[1,,2]`, `[1,2]`, "JSONExtraComma 1:4"},
		{"a comma at the start", `{,"a":1}`, `{"a":1}`, "JSONExtraComma 1:2"},
		{"a missing comma", "{\"ä\": 1\n \"b\": 2}", `{"ä":1,"b":2}`, "JSONMissingComma 2:2"},
		{"a missing comma in a list", `[1 2 "a""b"{}[]]`, `[1,2,"a","b",{},[]]`, "JSONMissingComma 1:4, JSONMissingComma 1:6, JSONMissingComma 1:9, JSONMissingComma 1:12, JSONMissingComma 1:14"},
		{"a missing colon", `{"a" {"b" 1}}`, `{"a":{"b":1}}`, "JSONMissingColon 1:6, JSONMissingColon 1:11"},
		{"a missing value", `{"a": , "b":}`, `{"a":null,"b":null}`, "JSONMissingValue 1:7, JSONMissingValue 1:13"},
		{"a list that is not closed", "{\"a\": [1, 2\n}", `{"a":[1,2]}`, "JSONMissingBracket 2:1"},
		{"objects that are not closed", `[{"a":{"b":1]`, `[{"a":{"b":1}}]`, "JSONMissingBracket 1:13, JSONMissingBracket 1:13"},
		{"an object of a list that is not closed", "[{\"a\": 1,\n {\"b\": 2}]", `[{"a":1},{"b":2}]`, "JSONMissingBracket 1:9"},
		{"an object of a list that is not closed, without a comma", "[{\"a\": 1\n {\"b\": 2}]", `[{"a":1},{"b":2}]`, "JSONMissingBracket 2:2, JSONMissingComma 2:2"},
		{"a bracket that closes nothing", `{"a":1]}`, `{"a":1}`, "JSONExtraBracket 1:7"},
		{"a brace too many in the middle", `{"a":{}},"b":2}`, `{"a":{},"b":2}`, "JSONExtraBracket 1:8"},
		{"a member after the end", "{\"a\":{}}\n\"b\": [2]\n", `{"a":{},"b":[2]}`, "JSONUnclosed 1:1, JSONExtraBracket 1:8, JSONMissingComma 2:1"},
		{"a brace too many at the end", "{\"a\":{}}\n}", `{"a":{}}`, "JSONTrailingText 2:1"},
		{"brackets that are missing at the end", "{\"a\": [1\n", `{"a":[1]}`, "JSONUnclosed 1:1, JSONUnclosed 1:7"},
		{"a second document", "{}\n  {\"a\":1}", `{}`, "JSONTrailingText 2:3"},
		{"garbage after the end", "{}\n%", `{}`, "JSONTrailingText 2:1"},
		{"a tab in a string", "{\"a\": \"x\ty\"}", `{"a":"x\ty"}`, "JSONControlCharacter 1:9"},
		{"text of several lines", "{\"a\": \"x\n y\", \"b\": 1}", `{"a":"x\n y","b":1}`, "JSONControlCharacter 1:9"},
		{"a string that lost its quote", "{\"a\": \"x,\n \"b\": \"y\"}", `{"a":"x","b":"y"}`, "JSONUnterminatedString 1:7"},
		{"the last string that lost its quote", "{\"a\": \"x  \n}", `{"a":"x"}`, "JSONUnterminatedString 1:7"},
		{"quotes in a string", `{"a": "say "hi" friend", "b": ""}`, `{"a":"say \"hi\" friend","b":""}`, "JSONUnescapedQuote 1:12, JSONUnescapedQuote 1:15"},
		{"single quotes", `{'a': 'it\'s "x"'}`, `{"a":"it's \"x\""}`, "JSONSingleQuotes 1:2, JSONSingleQuotes 1:7"},
		{"keys without quotes", "{a: 1, $ref: 2, x-y: 3, 200: 4}", `{"a":1,"$ref":2,"x-y":3,"200":4}`, "JSONUnquotedKey 1:2, JSONUnquotedKey 1:8, JSONUnquotedKey 1:17, JSONUnquotedKey 1:25"},
		{"words without quotes", "{\"type\": string, \"a\": [[Dummy]]}", `{"type":"string","a":[["Dummy"]]}`, "JSONUnquotedText 1:10, JSONUnquotedText 1:25"},
		{"a version without quotes", "{\"version\": 1.2.3}", `{"version":"1.2.3"}`, "JSONUnquotedText 1:13"},
		{"an escape that is none", `{"a": "\d+\.\x"}`, `{"a":"\\d+\\.\\x"}`, "JSONInvalidEscape 1:8, JSONInvalidEscape 1:11, JSONInvalidEscape 1:13"},
		{"half an escape", `{"a": "\u12"}`, `{"a":"\\u12"}`, "JSONInvalidEscape 1:8"},
		{"literals of other languages", `[None,True,False,NaN,undefined,-Infinity]`, `[null,true,false,null,null,null]`, "JSONLiteral 1:2, JSONLiteral 1:7, JSONLiteral 1:12, JSONLiteral 1:18, JSONLiteral 1:22, JSONLiteral 1:32"},
		{"numbers of other languages", `[+1,007,.5,1.,-0x1F,1.e3]`, `[1,7,0.5,1,-31,1e3]`, "JSONNumber 1:2, JSONNumber 1:5, JSONNumber 1:9, JSONNumber 1:12, JSONNumber 1:15, JSONNumber 1:21"},
		{"spaces that are none", "{\u00a0\"a\":\u2003\ufeff1}\x00", `{"a":1}`, "JSONWhiteSpace 1:2, JSONWhiteSpace 1:7, JSONWhiteSpace 1:8, JSONWhiteSpace 1:11"},
		{"half a pair of surrogates is no fault", `["\ud83d\ude00\ud83d x\ude00\ud83d\u0041"]`, "[\"\U0001F600\uFFFD x\uFFFD\uFFFDA\"]", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := parse(t, "a.json", row.content)
			if got := string(doc.Root().JSON()); got != row.want {
				t.Errorf("read as %s, want %s", got, row.want)
			}
			got := strings.Join(remarks(doc), ", ")
			if diff := cmp.Diff(row.remarks, got); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherEncodingsAreConverted(t *testing.T) {
	const want = `{"a":"café – 🚀"}`
	utf16 := func(big bool, text string) string {
		var b strings.Builder
		for _, unit := range encodeUTF16(text) {
			low, high := byte(unit), byte(unit>>8)
			if big {
				low, high = high, low
			}
			b.WriteByte(low)
			b.WriteByte(high)
		}
		return b.String()
	}
	for _, row := range []struct{ name, content, want, remarks string }{
		{"Latin-1", "{\"a\": \"caf\xe9\"}", `{"a":"café"}`, "EncodingConverted 1:11"},
		{"Windows-1252", "{\"a\": \"\x80\x93\x94\x9f\xff\"}", `{"a":"€“”Ÿÿ"}`, "EncodingConverted 1:8"},
		{"a byte that Windows-1252 has no character for", "{\"a\": \"\x81\"}", "{\"a\":\"\ufffd\"}", "EncodingConverted 1:8"},
		{"a stray byte among UTF-8", "{\n\"ä\": \"\xadé\"}", "{\"ä\":\"\u00adé\"}", "EncodingConverted 2:7"},
		{"half a character at the end", "{}\xe4", `{}`, "EncodingConverted 1:3, JSONTrailingText 1:3"},
		{"UTF-16 with a byte order mark", utf16(false, "\ufeff"+want), want, "EncodingConverted 1:1"},
		{"UTF-16 with its bytes swapped", utf16(true, "\ufeff"+want), want, "EncodingConverted 1:1"},
		{"UTF-16 without a byte order mark", utf16(false, want), want, "EncodingConverted 1:1"},
		{"swapped UTF-16 without a byte order mark", utf16(true, want), want, "EncodingConverted 1:1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := parse(t, "a.json", row.content)
			if got := string(doc.Root().JSON()); got != row.want {
				t.Errorf("read as %s, want %s", got, row.want)
			}
			if diff := cmp.Diff(row.remarks, strings.Join(remarks(doc), ", ")); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}

func encodeUTF16(text string) []uint16 {
	var units []uint16
	for _, c := range text {
		if c > 0xffff {
			c -= 0x10000
			units = append(units, uint16(0xd800+c>>10), uint16(0xdc00+c&0x3ff))
			continue
		}
		units = append(units, uint16(c))
	}
	return units
}

func TestFilesWithTheNameOfAnotherNotation(t *testing.T) {
	for _, row := range []struct {
		name, file, content, want string
		syntax                    document.Syntax
		remarks                   string
	}{
		{"YAML that is called JSON", "a.json", "swagger: '2.0'\n", `{"swagger":"2.0"}`, document.YAML, "YAMLCalledJSON 1:1"},
		{"flow style in a YAML file is no broken JSON", "a.yaml", "{a: 1, b: x y}\n", `{"a":1,"b":"x y"}`, document.YAML, ""},
		{"JSON with a comment in a YAML file", "a.yaml", "{\"a\": 1, // x\n \"b\": 2}\n", `{"a":1,"b":2}`, document.JSON, "JSONComment 1:10"},
		{"a comment in front of JSON", "a", "// x\n{\"a\": 1}", `{"a":1}`, document.JSON, "JSONComment 1:1"},
		{"several YAML documents", "a.yaml", "a: 1\n---\nb: 2\n", `{"a":1}`, document.YAML, "YAMLMoreDocuments 2:1"},
		{"a YAML version that nobody knows", "a.yaml", "%YAML 1.7\n---\na: 1\n", `{"a":1}`, document.YAML, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			doc := parse(t, row.file, row.content)
			if got := string(doc.Root().JSON()); got != row.want || doc.Syntax() != row.syntax {
				t.Errorf("read as %s in notation %d, want %s", got, doc.Syntax(), row.want)
			}
			if diff := cmp.Diff(row.remarks, strings.Join(remarks(doc), ", ")); diff != "" {
				t.Errorf("remarks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRemarksOfOneKindAreCountedPastTheLimit(t *testing.T) {
	doc := parse(t, "a.json", "{"+strings.Repeat("\"a\": 1,,\n", 500)+"\"b\": [2,]}")
	last := map[document.RemarkKind]document.Remark{}
	total := 0
	for _, r := range doc.Remarks() {
		last[r.Kind] = r
		total++
	}
	if total != 50+1+1 || last[document.JSONExtraComma].More != 450 || last[document.JSONExtraComma].Line != 50 {
		t.Errorf("%d remarks, the last are %v", total, last)
	}
	if r := last[document.JSONTrailingComma]; r.More != 0 || r.Node.Pointer() != "/b" {
		t.Errorf("the trailing comma is %+v in %q", r, r.Node.Pointer())
	}
}

// TestRepairIsLinear reads documents that are made of nothing but faults. Time
// that grew with the square of their size would be hours.
func TestRepairIsLinear(t *testing.T) {
	for name, piece := range map[string]string{
		"quotes": `"a"b`, "single quotes": `'a'b`, "line breaks": "\"a\n", "line breaks after single quotes": "'a\n\"", "commas": ",",
		"brackets": "]", "closing braces": "},", "comments": "/**/", "spaces": "\u00a0", "escapes": `\d`, "words": "a ", "open comments": "/* ", "slashes": "/",
		"backslashes": "\\", "keys": `a:`, "quoted lines": "\"a\\\n", "members": "\"a\":1\n", "bad bytes": "\xff",
	} {
		for _, start := range []string{"[", "{", "[\"", "{\"a\":\"", "['"} {
			content := start + strings.Repeat(piece, 200_000/len(piece))
			began := time.Now()
			_, _ = document.Parse("a.json", []byte(content))
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("%s after %s take %s", name, start, took)
			}
		}
	}
}

// FuzzRepair looks for JSON that a strict reader reads differently, and for
// repaired trees that cannot be written.
func FuzzRepair(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,"\u00e9\ud83d\ude00",{"b":null}],"c":-1.5e+3}`, "{'a': /* x */ [1,,2], b: None // y\n}", "{\"a\": \"x,\n \"b\": \"say \"hi\" x\"}", `{"a":[1}`, `{"a":1}},"b":2}`,
		"[\u00a0+1,007,0x1F,.5,\"\\d\\u12\"", "{\"a\" {\"b\":}", "[[Dummy]]", "{\"a\": \"\xe9\"}", "\xff\xfe{\x00}\x00", "{}#", "[1.2.3]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		doc, err := document.Parse("a.json", content)
		if err != nil {
			if strict(content) {
				t.Fatalf("%q is JSON: %v", content, err)
			}
			return
		}
		text := doc.Root().JSON()
		if !json.Valid(text) {
			t.Fatalf("%q is written as %q", content, text)
		}
		if !strict(content) {
			if len(doc.Remarks()) == 0 && json.Valid(content) == false {
				t.Fatalf("%q is read as %q without a remark", content, text)
			}
			return
		}
		for _, r := range doc.Remarks() {
			if r.Kind != document.DuplicateKey {
				t.Fatalf("%q has the remark %v", content, r)
			}
		}
		if diff := cmp.Diff(decode(t, content), decode(t, text)); diff != "" {
			t.Fatalf("%q is read as %q:\n%s", content, text, diff)
		}
	})
}

// strict reports whether the standard library reads the content as a document
// that is not nested too deep.
func strict(content []byte) bool {
	depth, deepest := 0, 0
	for _, c := range content {
		switch c {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return utf8.Valid(content) && json.Valid(content) && deepest < document.MaxDepth
}

func TestAFileThatIsOnlyAPartIsRefused(t *testing.T) {
	for name, content := range map[string]string{
		"it ends after a comma":           "{\"a\": [1,\n",
		"it ends in a string":             `{"a": "b`,
		"it ends in a key":                `{"a": 1, "b`,
		"it ends before a colon":          `{"a": 1, "b"`,
		"it ends before a value":          `{"a": `,
		"it ends in three objects":        `{"a": {"b": {"c": 1`,
		"it ends in a string of a line":   "{\"a\": \"b\n",
		"its bracket too many is no help": `{"a": {}}, "b": {"c": {"d": {"e": 1`,
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := document.Parse("a.json", []byte(content))
			if fault.ReasonOf(err) != fault.ReasonDocumentSyntax || !strings.Contains(err.Error(), "ends too early") {
				t.Errorf("got %v, %v", doc, err)
			}
		})
	}
}
