package document

import (
	"cmp"
	"slices"
)

// RemarkKind says what a reader noticed. The values are codes of findings.
type RemarkKind string

// What was noticed about a file in any notation.
const (
	// ByteOrderMark: the file starts with a UTF-8 byte order mark, which was
	// skipped.
	ByteOrderMark RemarkKind = "ByteOrderMark"
	// EncodingConverted: the file, or some of its bytes, are in another encoding
	// than UTF-8 and were converted.
	EncodingConverted RemarkKind = "EncodingConverted"
	// DuplicateKey: an object has a key twice; the last value counts.
	DuplicateKey RemarkKind = "DuplicateKey"
)

// What was repaired in JSON.
const (
	// JSONComment: a comment, which was skipped.
	JSONComment RemarkKind = "JSONComment"
	// JSONTrailingComma: a comma after the last member or item.
	JSONTrailingComma RemarkKind = "JSONTrailingComma"
	// JSONExtraComma: a comma with nothing before it.
	JSONExtraComma RemarkKind = "JSONExtraComma"
	// JSONMissingComma: no comma between two members or items.
	JSONMissingComma RemarkKind = "JSONMissingComma"
	// JSONMissingColon: no colon after a key.
	JSONMissingColon RemarkKind = "JSONMissingColon"
	// JSONMissingValue: a key without a value, which became null.
	JSONMissingValue RemarkKind = "JSONMissingValue"
	// JSONMissingBracket: an object or array that is closed by the bracket of
	// one around it.
	JSONMissingBracket RemarkKind = "JSONMissingBracket"
	// JSONExtraBracket: a closing bracket that closes nothing, or too early.
	JSONExtraBracket RemarkKind = "JSONExtraBracket"
	// JSONUnclosed: the file ends inside an object or array.
	JSONUnclosed RemarkKind = "JSONUnclosed"
	// JSONTrailingText: text after the end of the document, which was ignored.
	JSONTrailingText RemarkKind = "JSONTrailingText"
	// JSONControlCharacter: a line break, tab or other control character inside a
	// string; it is part of the text.
	JSONControlCharacter RemarkKind = "JSONControlCharacter"
	// JSONWhiteSpace: a character that only looks like a space, between values.
	JSONWhiteSpace RemarkKind = "JSONWhiteSpace"
	// JSONSingleQuotes: a string in single quotes.
	JSONSingleQuotes RemarkKind = "JSONSingleQuotes"
	// JSONUnquotedKey: a key without quotes.
	JSONUnquotedKey RemarkKind = "JSONUnquotedKey"
	// JSONUnquotedText: a word without quotes as a value; it became a string.
	JSONUnquotedText RemarkKind = "JSONUnquotedText"
	// JSONUnterminatedString: a string without its closing quote; it ends at the
	// end of its line.
	JSONUnterminatedString RemarkKind = "JSONUnterminatedString"
	// JSONUnescapedQuote: a quote inside a string; it is part of the text.
	JSONUnescapedQuote RemarkKind = "JSONUnescapedQuote"
	// JSONInvalidEscape: a backslash before a character that needs none; both are
	// part of the text.
	JSONInvalidEscape RemarkKind = "JSONInvalidEscape"
	// JSONLiteral: None, True, NaN, undefined or the like.
	JSONLiteral RemarkKind = "JSONLiteral"
	// JSONNumber: a number in a form that JSON does not know.
	JSONNumber RemarkKind = "JSONNumber"
)

// What was noticed in YAML.
const (
	// YAMLMoreDocuments: the file holds several documents; the first one counts.
	YAMLMoreDocuments RemarkKind = "YAMLMoreDocuments"
	// YAMLCalledJSON: the name of the file says JSON, and it is YAML.
	YAMLCalledJSON RemarkKind = "YAMLCalledJSON"
)

// maxRemarks is the greatest number of remarks of one kind that a document keeps.
// Whoever forgot one comma in every object learns it from the first of them.
const maxRemarks = 50

// limit returns how many remarks of a kind are kept. An encoding is that of the
// whole file, wherever it shows.
func limit(kind RemarkKind) int {
	if kind == EncodingConverted {
		return 1
	}
	return maxRemarks
}

// Remark is something that was noticed while reading, and not refused.
type Remark struct {
	// Kind says what.
	Kind RemarkKind
	// Node is the value that counts, or that it was noticed in; the root for the
	// file as a whole.
	Node *Node
	// Line and Column say where, both starting at 1, the column in characters.
	Line, Column int
	// More is how many further remarks of the kind are not listed; only the last
	// of its kind has them.
	More int

	at int
}

// remark notes something at a byte offset of the source.
func (d *Document) remark(kind RemarkKind, n *Node, at int) {
	if d.counts == nil {
		d.counts = map[RemarkKind]int{}
	}
	if d.counts[kind]++; d.counts[kind] <= limit(kind) {
		d.remarks = append(d.remarks, Remark{Kind: kind, Node: n, at: at})
	}
}

// finishRemarks puts the remarks in order and says where they are.
func (d *Document) finishRemarks() {
	slices.SortStableFunc(d.remarks, func(a, b Remark) int { return cmp.Compare(a.at, b.at) })
	for i := len(d.remarks) - 1; i >= 0; i-- {
		r := &d.remarks[i]
		if r.Node == nil {
			r.Node = d.root
		}
		r.Line, r.Column = d.lines.locate(r.at)
		r.More = max(d.counts[r.Kind]-limit(r.Kind), 0)
		d.counts[r.Kind] = 0 // those further up are not the last of their kind
	}
	d.counts = nil
}

// forget drops what an attempt at reading noticed inside the document.
func (d *Document) forget() {
	d.remarks = slices.DeleteFunc(d.remarks, func(r Remark) bool { return r.Kind == DuplicateKey })
	delete(d.counts, DuplicateKey)
}
