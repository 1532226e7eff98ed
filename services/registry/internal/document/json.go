package document

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// readJSON is the strict reader of RFC 8259.
func readJSON(d *Document, source []byte) error {
	d.lines.source = string(source)
	r := &jsonReader{
		builder: builder{doc: d},
		source:  d.lines.source,
		// Duplicate keys are a remark. The source is valid UTF-8, so what is
		// allowed here are escapes of half a surrogate pair, which RFC 8259
		// permits; they become U+FFFD.
		tokens: jsontext.NewDecoder(bytes.NewBuffer(source),
			jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
	}
	root, err := r.value(nil, 0)
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return r.explain(err)
	}
	d.root = root
	return nil
}

type jsonReader struct {
	builder

	source string
	tokens *jsontext.Decoder
}

// token returns the next token and the offset of its first byte.
func (r *jsonReader) token() (jsontext.Token, int, error) {
	from := int(r.tokens.InputOffset())
	t, err := r.tokens.ReadToken()
	if err != nil {
		return t, 0, err
	}
	for strings.IndexByte(" \t\r\n,:", r.source[from]) >= 0 {
		from++ // the decoder has checked what stands between tokens
	}
	return t, from, nil
}

// text returns the value of a string token. Most have no escapes and are a part
// of the source, which costs nothing.
func (r *jsonReader) text(t jsontext.Token, from int) string {
	raw := r.source[from:r.tokens.InputOffset()]
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	return t.String()
}

func (r *jsonReader) value(parent *Node, depth int) (*Node, error) {
	t, from, err := r.token()
	if err != nil {
		return nil, err
	}
	n, err := r.add(parent, kindOf(t.Kind()), int64(from))
	if err != nil {
		return nil, err
	}
	switch n.kind {
	case Object, Array:
		return n, r.container(n, depth+1)
	case String:
		n.text = r.text(t, from)
	default:
		n.text = r.source[from:r.tokens.InputOffset()]
	}
	return n, nil
}

func (r *jsonReader) container(n *Node, depth int) error {
	if depth > MaxDepth {
		line, column := r.doc.lines.locate(n.position)
		return tooDeep(r.doc.path, line, column)
	}
	for {
		if next := r.tokens.PeekKind(); next == '}' || next == ']' {
			_, err := r.tokens.ReadToken()
			r.close(n)
			return err
		}
		key := ""
		if n.kind == Object {
			t, from, err := r.token()
			if err != nil {
				return err
			}
			key = r.text(t, from)
		}
		child, err := r.value(n, depth)
		if err != nil {
			return err
		}
		child.key = key
		n.children = append(n.children, child)
	}
}

// end makes sure that nothing follows the value.
func (r *jsonReader) end() error {
	_, from, err := r.token()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err == nil {
		return &jsontext.SyntacticError{ByteOffset: int64(from), Err: errors.New("text after the end of the document")}
	}
	return err
}

// explain turns the decoder's error into ours; faults pass.
func (r *jsonReader) explain(err error) error {
	syntactic, ok := errors.AsType[*jsontext.SyntacticError](err)
	at := int64(len(r.source))
	why := "the file ends too early"
	switch {
	case ok && !errors.Is(syntactic.Err, io.ErrUnexpectedEOF):
		at, why = syntactic.ByteOffset, syntactic.Err.Error()
	case !ok && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	}
	if r.trailingComma(at) {
		why = "a comma without a value after it"
	}
	line, column := r.doc.lines.locate(at)
	return broken(r.doc.path, JSON, why, line, column)
}

// trailingComma recognises the most frequent fault of all, which the decoder
// describes in a way that nobody understands.
func (r *jsonReader) trailingComma(at int64) bool {
	if at >= int64(len(r.source)) || r.source[at] != ',' {
		return false
	}
	rest := strings.TrimLeft(r.source[at+1:], " \t\r\n")
	return rest != "" && (rest[0] == '}' || rest[0] == ']')
}

func kindOf(k jsontext.Kind) Kind {
	switch k {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case '0':
		return Number
	case 't', 'f':
		return Bool
	default: // the decoder has refused all others
		return Null
	}
}
