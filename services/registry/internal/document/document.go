// Package document reads API descriptions into an ordered tree that knows where
// every value stands in its file.
//
// [Parse] turns the bytes of one JSON or YAML file into a [Document] with a tree
// of [Node]. Members keep the order of the source, numbers keep their digits,
// and each node answers for its JSON pointer, its line and its column, so that
// whatever is wrong can be pointed at. What Parse noticed and did not refuse is
// in the document's remarks.
//
//	doc, err := document.Parse("swagger.json", content)
//	title := doc.Root().Get("info").Str("title")
//	line, column := doc.Position(doc.Root().Get("paths"))
//
// Reading is strict: a file that is broken is refused with the place where it
// breaks. A reader that repairs is one more function of the type reader that
// adds a remark for each repair; nothing else would change.
//
// Nodes and documents are immutable once Parse has returned, and safe for
// concurrent use.
package document

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The limits of a document.
const (
	// MaxBytes is the greatest size of a file: 20 MiB. The largest public
	// description that is known has 13 MB.
	MaxBytes = 20 << 20

	// MaxDepth is the greatest number of objects and arrays inside each other.
	// Real descriptions stay below 60; the limit keeps recursion over the tree
	// far from the end of any stack.
	MaxDepth = 512

	// MaxNodes is the greatest number of values in a document, those that YAML
	// aliases repeat included. It bounds the memory of a tree to about 250 MB;
	// the largest known description has 600,000.
	MaxNodes = 2_000_000

	// MaxRepeated is the greatest number of values that YAML aliases repeat:
	// nine lines of nested aliases can stand for a billion values.
	MaxRepeated = 200_000
)

// Syntax is the notation of a document.
type Syntax int

// The notations.
const (
	// JSON is RFC 8259.
	JSON Syntax = iota + 1
	// YAML is YAML 1.2 with the 1.1 types that gopkg-style readers know.
	YAML
)

// RemarkKind says what a reader noticed.
type RemarkKind string

// The kinds of remarks. The values are codes of findings.
const (
	// ByteOrderMark: the file starts with a UTF-8 byte order mark, which was
	// skipped.
	ByteOrderMark RemarkKind = "ByteOrderMark"
	// DuplicateKey: an object has a key twice; the last value counts.
	DuplicateKey RemarkKind = "DuplicateKey"
)

// Remark is something that was noticed while reading, and not refused.
type Remark struct {
	// Kind says what.
	Kind RemarkKind
	// Node is the value that counts; the root for the file as a whole.
	Node *Node
}

// Document is one file that was read.
type Document struct {
	path    string
	syntax  Syntax
	root    *Node
	remarks []Remark
	lines   lineTable
}

// Path returns the path under which the file was parsed.
func (d *Document) Path() string { return d.path }

// Syntax returns the notation that the file was read as.
func (d *Document) Syntax() Syntax { return d.syntax }

// Root returns the outermost value, never nil.
func (d *Document) Root() *Node { return d.root }

// Remarks returns what was noticed, in the order of the source. The slice
// belongs to the document.
func (d *Document) Remarks() []Remark { return d.remarks }

// Position returns line and column of a node of this document, both starting
// at 1, the column in characters. It is 0, 0 for a nil node.
func (d *Document) Position(n *Node) (line, column int) {
	if n == nil {
		return 0, 0
	}
	if d.syntax == YAML {
		return unpackPosition(n.position)
	}
	return d.lines.locate(n.position)
}

// reader builds the tree of source, which is UTF-8 without a byte order mark.
type reader func(d *Document, source []byte) error

// Parse reads one file. The path decides nothing but the notation (".json" is
// always JSON) and what errors call the file. A file that starts with an object
// or array is read as JSON, anything else as YAML.
//
// Errors are faults: DOCUMENT_TOO_LARGE, DOCUMENT_NOT_UTF8, DOCUMENT_TOO_DEEP
// and DOCUMENT_SYNTAX; the last three with the metadata "line" and "column",
// all with "path". Parse does not keep content.
func Parse(name string, content []byte) (*Document, error) {
	if len(content) > MaxBytes {
		return nil, tooLarge(name, "bytes", MaxBytes)
	}
	content, hadMark := bytes.CutPrefix(content, []byte("\xef\xbb\xbf"))
	if err := checkUTF8(name, content); err != nil {
		return nil, err
	}
	d := &Document{path: name, syntax: YAML}
	var read reader = readYAML
	if looksLikeJSON(name, content) {
		d.syntax, read = JSON, readJSON
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, broken(name, d.syntax, "the file is empty", 1, 1)
	}
	if err := read(d, content); err != nil {
		return nil, err
	}
	if hadMark {
		d.remarks = append([]Remark{{Kind: ByteOrderMark, Node: d.root}}, d.remarks...)
	}
	return d, nil
}

// looksLikeJSON never says no to a file that is JSON and starts with an object
// or array; scalars are no descriptions in either notation.
func looksLikeJSON(name string, content []byte) bool {
	if strings.EqualFold(path.Ext(name), ".json") {
		return true
	}
	start := bytes.TrimLeft(content, " \t\r\n")
	return len(start) > 0 && (start[0] == '{' || (start[0] == '[' && !isYAMLName(name)))
}

func isYAMLName(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}

func tooLarge(name, unit string, limit int) error {
	return fault.Invalid(fault.ReasonDocumentTooLarge,
		"%q has more than %d %s; split the description or leave out what is not needed", name, limit, unit).
		With("path", name).With("limit", strconv.Itoa(limit))
}

func tooDeep(name string, line, column int) error {
	return placed(fault.Invalid(fault.ReasonDocumentTooDeep,
		"%q is nested deeper than %d levels at line %d, column %d; flatten it", name, MaxDepth, line, column),
		name, line, column).With("limit", strconv.Itoa(MaxDepth))
}

func broken(name string, syntax Syntax, why string, line, column int) error {
	notation := "JSON"
	if syntax == YAML {
		notation = "YAML"
	}
	return placed(fault.Invalid(fault.ReasonDocumentSyntax,
		"%q is not valid %s: %s at line %d, column %d; correct the file there", name, notation, why, line, column),
		name, line, column)
}

func placed(err *fault.Error, name string, line, column int) *fault.Error {
	return err.With("path", name).With("line", strconv.Itoa(line)).With("column", strconv.Itoa(column))
}
