package document

import "strings"

// readJSON reads RFC 8259, and whatever is so close to it that its meaning is
// beyond doubt: each deviation is repaired and becomes a remark. It looks at
// each byte a fixed number of times.
func readJSON(d *Document) error {
	r := &jsonReader{builder: builder{doc: d}, s: d.lines.source}
	r.space()
	root, err := r.value(nil, 0)
	if err == nil {
		err = r.end(root)
	}
	if err != nil {
		return err
	}
	d.root = root
	return nil
}

// jsonReader walks through the source s; at is the next byte.
type jsonReader struct {
	builder

	s  string
	at int
	// here is the innermost open object or array.
	here *Node
	// objects and arrays count those that are open.
	objects, arrays int
	// unclosed counts the objects and arrays that the end of the file closed,
	// surplus the brackets that closed nothing.
	unclosed, surplus int
	// cut is true once the file has ended inside a string.
	cut bool
}

// maxUnclosed is how many brackets may be missing at the end of a file. When more
// are, or a value, the file is not broken but incomplete, and half of it is gone.
const maxUnclosed = 2

// endsEarly reports whether the file, which has ended inside an object or array,
// is only a part of one.
func (r *jsonReader) endsEarly(last between) bool {
	return r.cut || last == comma || r.unclosed > maxUnclosed+r.surplus
}

// note remarks a repair at the offset.
func (r *jsonReader) note(kind RemarkKind, at int) { r.doc.remark(kind, r.here, at) }

func (r *jsonReader) broken(why string, at int) error {
	line, column := r.doc.lines.locate(at)
	return broken(r.doc.path, JSON, why, line, column)
}

// peek returns the next byte, 0 at the end; a NUL in the source is skipped by
// space before anybody can take it for the end.
func (r *jsonReader) peek() byte {
	if r.at < len(r.s) {
		return r.s[r.at]
	}
	return 0
}

// space skips what may stand between tokens.
func (r *jsonReader) space() {
	for r.at < len(r.s) {
		switch c := r.s[r.at]; {
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			r.at++
		case c == '/' || c == '#' || c >= 0x80 || c < ' ':
			if !r.oddSpace() {
				return
			}
		default:
			return
		}
	}
}

// value reads the next value, which starts here.
func (r *jsonReader) value(parent *Node, depth int) (*Node, error) {
	from := r.at
	switch c := r.peek(); c {
	case '{', '[':
		kind := Object
		if c == '[' {
			kind = Array
		}
		n, err := r.add(parent, kind, from)
		if err != nil {
			return nil, err
		}
		r.at++
		return n, r.container(n, depth+1)
	case '"':
		n, err := r.add(parent, String, from)
		if err != nil {
			return nil, err
		}
		n.text = r.text('"')
		return n, nil
	default:
		kind, text, err := r.scalar(depth)
		if err != nil {
			return nil, err
		}
		n, err := r.add(parent, kind, from)
		if err == nil {
			n.text = text
		}
		return n, err
	}
}

func (r *jsonReader) container(n *Node, depth int) error {
	if depth > MaxDepth {
		line, column := r.doc.lines.locate(int(n.position))
		return tooDeep(r.doc.path, line, column)
	}
	outer, open := r.here, &r.arrays
	if n.kind == Object {
		open = &r.objects
	}
	r.here = n
	*open++
	mark := r.open()
	err := r.children(n, depth)
	*open--
	r.here = outer
	if err == nil {
		r.close(n, mark)
	}
	return err
}

// between is what was last read inside an object or array.
type between int

const (
	nothing between = iota
	member
	comma
)

// children reads members or items and the closing bracket.
func (r *jsonReader) children(n *Node, depth int) error {
	last, commaAt := nothing, 0
	for {
		r.space()
		switch c := r.peek(); {
		case c == ',':
			if last != member {
				r.note(JSONExtraComma, r.at)
			}
			last, commaAt = comma, r.at
			r.at++
			continue
		case c == '}' || c == ']':
			if done := r.closing(n, c, depth); !done {
				last = member
				continue
			}
			if last == comma {
				r.note(JSONTrailingComma, commaAt)
			}
			return nil
		case n.kind == Object && (c == '{' || c == '[') && n.parent.Is(Array):
			// No key begins so: the next item of the list around this object does.
			r.endOfItem(last, commaAt)
			return nil
		case r.at == len(r.s):
			return r.endOfFile(n, last)
		}
		if last == member {
			r.note(JSONMissingComma, r.at)
		}
		if err := r.child(n, depth); err != nil {
			return err
		}
		last = member
	}
}

// endOfItem ends an object whose closing bracket is missing before the next item;
// a comma that stands between the two is the list's.
func (r *jsonReader) endOfItem(last between, commaAt int) {
	if last == comma {
		r.at = commaAt
	}
	r.note(JSONMissingBracket, r.at)
}

// endOfFile ends n where the file ends.
func (r *jsonReader) endOfFile(n *Node, last between) error {
	r.unclosed++
	if r.endsEarly(last) {
		return r.unexpected(r.at)
	}
	r.note(JSONUnclosed, int(n.position))
	return nil
}

// child reads one member or item.
func (r *jsonReader) child(n *Node, depth int) error {
	key, missing := "", false
	if n.kind == Object {
		var err error
		if key, missing, err = r.key(); err != nil {
			return err
		}
	}
	var c *Node
	var err error
	if missing {
		if c, err = r.add(n, Null, r.at); err == nil {
			c.text = "null"
		}
	} else {
		c, err = r.value(n, depth)
	}
	if err != nil {
		return err
	}
	c.key = key
	r.builder.child(c)
	return nil
}

// key reads a key and its colon. missing says that no value follows.
func (r *jsonReader) key() (key string, missing bool, err error) {
	from := r.at
	switch c := r.peek(); {
	case c == '"':
		key = r.text('"')
	case c == '\'':
		r.note(JSONSingleQuotes, from)
		key = r.text('\'')
	case isWord(c):
		for r.at < len(r.s) && isWord(r.s[r.at]) {
			r.at++
		}
		key = r.s[from:r.at]
		r.note(JSONUnquotedKey, from)
	default:
		return "", false, r.broken("a key in quotes is expected", from)
	}
	r.space()
	switch c := r.peek(); {
	case c == ':':
		r.at++
		r.space()
	case r.at == len(r.s):
		return "", false, r.unexpected(r.at)
	case r.s[from] != '"':
		return "", false, r.broken("a key in quotes is expected", from)
	case c == '{' || c == '[' || c == '-' || isDigit(c):
		r.note(JSONMissingColon, r.at)
	default:
		return "", false, r.broken("a colon is expected after the key", r.at)
	}
	if r.at == len(r.s) {
		return "", false, r.unexpected(r.at)
	}
	if c := r.peek(); c == ',' || c == '}' {
		r.note(JSONMissingValue, r.at)
		return key, true, nil
	}
	return key, false, nil
}

// closing handles a closing bracket c inside n, and reports whether it ends n.
func (r *jsonReader) closing(n *Node, c byte, depth int) (done bool) {
	own, outer := byte('}'), r.arrays
	if n.kind == Array {
		own, outer = ']', r.objects
	}
	from := r.at
	switch {
	case c == own:
		r.at++
		if depth == 1 && n.kind == Object && r.goesOn() {
			r.note(JSONExtraBracket, from)
			r.surplus++
			return false
		}
		return true
	case outer > 0:
		// It closes something further out, which then closes this one too.
		r.note(JSONMissingBracket, from)
		return true
	default:
		r.at++
		r.note(JSONExtraBracket, from)
		return false
	}
}

// goesOn reports whether a member follows the bracket that closed the outermost
// object: one bracket too many in the middle of a file.
func (r *jsonReader) goesOn() bool {
	const longest = 256
	r.space()
	rest := r.s[r.at:min(r.at+longest, len(r.s))]
	rest = strings.TrimLeft(strings.TrimPrefix(rest, ","), " \t\r\n")
	if !strings.HasPrefix(rest, "\"") {
		return false
	}
	_, after, _ := strings.Cut(rest[1:], "\"")
	return strings.HasPrefix(strings.TrimLeft(after, " \t\r\n"), ":")
}

// end makes sure that nothing follows the root that means something.
func (r *jsonReader) end(root *Node) error {
	r.space()
	if r.at == len(r.s) {
		return nil
	}
	if root.kind != Object && root.kind != Array {
		return r.broken("a document is an object or an array", int(root.position))
	}
	r.doc.remark(JSONTrailingText, root, r.at)
	return nil
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') }

// isWord reports whether c may be part of a key, number or word without quotes.
func isWord(c byte) bool {
	return isDigit(c) || isLetter(c) || c == '_' || c == '$' || c == '-' || c == '+' || c == '.'
}
