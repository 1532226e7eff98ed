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
// Reading is tolerant and never silent. A file in another encoding is converted;
// JSON with comments, commas too many or too few, brackets or quotes that are
// missing, and the like is read as it was meant; and each of these is a
// [Remark] with its place. What cannot be given one meaning is refused with the
// place where it breaks. A file that is correct has the tree that a strict reader
// would make of it, and no remark but those about duplicate keys.
//
// Nodes and documents are immutable once Parse has returned, and safe for
// concurrent use.
package document

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The limits of a document.
const (
	// MaxBytes is the greatest size of a file: 64 MiB. The largest public
	// descriptions that are known have 47 MB.
	MaxBytes = 64 << 20

	// MaxDepth is the greatest number of objects and arrays inside each other.
	// Real descriptions stay below 60; the limit keeps recursion over the tree
	// far from the end of any stack.
	MaxDepth = 512

	// MaxNodes is the greatest number of values in a document, those that YAML
	// aliases repeat included. It bounds the memory of a tree to about 360 MB;
	// the largest known descriptions have 1,500,000.
	MaxNodes = 4_000_000

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

// Document is one file that was read.
type Document struct {
	path    string
	syntax  Syntax
	root    *Node
	remarks []Remark
	// counts are the remarks of each kind, also those that are not kept; only
	// while the document is being read.
	counts map[RemarkKind]int
	lines  lineTable
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
	return d.lines.locate(int(n.position))
}

// Parse reads one file. The path decides nothing but the notation (".json" is
// JSON) and what errors call the file. A file that starts with an object or
// array is read as JSON, anything else as YAML.
//
// Errors are faults: DOCUMENT_TOO_LARGE, DOCUMENT_NOT_UTF8, DOCUMENT_TOO_DEEP
// and DOCUMENT_SYNTAX; the last three with the metadata "line" and "column",
// all with "path". Parse does not keep content.
func Parse(name string, content []byte) (*Document, error) {
	if len(content) > MaxBytes {
		return nil, tooLarge(name, "bytes", MaxBytes)
	}
	d := &Document{path: name}
	source, err := d.decode(content)
	if err != nil {
		return nil, err
	}
	if len(source) > MaxBytes {
		return nil, tooLarge(name, "bytes", MaxBytes)
	}
	d.lines.source = source
	if strings.TrimSpace(source) == "" {
		d.syntax = notation(name, source)
		return nil, broken(name, d.syntax, "the file is empty", 1, 1)
	}
	if err := d.read(); err != nil {
		return nil, err
	}
	d.finishRemarks()
	return d, nil
}

// read reads the source in the notation that it is in, or else in the other one
// if name and content disagree.
func (d *Document) read() error {
	source := d.lines.source
	d.syntax = notation(d.path, source)
	if d.syntax == YAML {
		return readYAML(d)
	}
	start := strings.TrimLeft(source, " \t\r\n")
	if start[0] != '{' && start[0] != '[' {
		return d.misnamed()
	}
	asJSON := d.attempt(JSON, readJSON)
	err := asJSON.err
	if isYAMLName(d.path) && (err != nil || len(asJSON.doc.remarks) > len(d.remarks)) {
		// JSON that needs repair may be YAML that does not.
		if asYAML := d.attempt(YAML, readYAML); asYAML.err == nil {
			return d.take(asYAML)
		}
	}
	return d.take(asJSON)
}

// misnamed reads a file that is called JSON and does not look like it: some are
// YAML.
func (d *Document) misnamed() error {
	asJSON := d.attempt(JSON, readJSON)
	if asJSON.err == nil {
		return d.take(asJSON)
	}
	asYAML := d.attempt(YAML, readYAML)
	if asYAML.err != nil || asYAML.doc.root.kind != Object {
		return asJSON.err
	}
	asYAML.doc.remark(YAMLCalledJSON, asYAML.doc.root, 0)
	return d.take(asYAML)
}

// attempt is one way to read a document.
type attempt struct {
	doc *Document
	err error
}

func (d *Document) attempt(syntax Syntax, read func(*Document) error) attempt {
	try := &Document{path: d.path, syntax: syntax, remarks: slices.Clone(d.remarks), counts: maps.Clone(d.counts)}
	try.lines.source = d.lines.source
	return attempt{doc: try, err: read(try)}
}

// take makes the outcome of an attempt that of d.
func (d *Document) take(a attempt) error {
	d.syntax, d.root, d.remarks, d.counts = a.doc.syntax, a.doc.root, a.doc.remarks, a.doc.counts
	return a.err
}

// notation is the one that a file is read in first.
func notation(name, source string) Syntax {
	if strings.EqualFold(path.Ext(name), ".json") || looksLikeJSON(name, source) {
		return JSON
	}
	return YAML
}

// looksLikeJSON never says no to a file that is JSON and starts with an object
// or array; scalars are no descriptions in either notation.
func looksLikeJSON(name, source string) bool {
	start := strings.TrimLeft(source, " \t\r\n")
	if strings.HasPrefix(start, "//") || strings.HasPrefix(start, "/*") {
		return true // a comment that no YAML has
	}
	return start != "" && (start[0] == '{' || (start[0] == '[' && !isYAMLName(name)))
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
