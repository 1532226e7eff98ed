package document

import (
	"errors"
	"strings"
)

// errOtherStyle says that a document is not in plain block style, or is broken:
// the general parser decides.
var errOtherStyle = errors.New("not in plain block style")

// maxKey is the greatest length of a key; YAML allows 1024 characters.
const maxKey = 1000

// blockReader reads YAML in block style: mappings, sequences, plain and quoted
// scalars, block scalars, comments, and flow collections that end on their line.
// It gives up at anything else, and at anything that is doubtful.
//
// It stands on a line of content or at the end. Its recursion is bounded by
// [MaxDepth], and it looks at each byte a fixed number of times.
type blockReader struct {
	builder

	s string
	// line is the offset of the current line, from that of the content that is
	// still to be read, end that of the line's end, next that of the next line.
	line, from, end, next int
	// over says that there are no more lines.
	over bool

	// why and at describe what is wrong in any style, if that is why the reader
	// gave up.
	why string
	at  int
}

// column is that of the content.
func (r *blockReader) column() int { return r.from - r.line }

// wrong gives up at something that no parser can accept.
func (r *blockReader) wrong(why string, at int) error {
	r.why, r.at = why, at
	return errOtherStyle
}

// document reads the whole source.
func (r *blockReader) document() (*Node, error) {
	if !isPlainText(r.s) {
		return nil, errOtherStyle
	}
	if err := r.advance(); err != nil {
		return nil, err
	}
	if !r.over && r.from == r.line && strings.TrimRight(r.s[r.from:r.end], " ") == "---" {
		if err := r.advance(); err != nil {
			return nil, err
		}
	}
	if r.over || r.isMarker() {
		return nil, errOtherStyle
	}
	root, err := r.node(nil, -1, 0)
	if err != nil {
		return nil, err
	}
	if root.kind != Object && root.kind != Array {
		return nil, errOtherStyle
	}
	if !r.over {
		return nil, r.wrong("the indentation fits nothing above", r.from)
	}
	return root, nil
}

// isPlainText reports whether the source has only the characters that mean the
// same to everybody: others end lines for some, or are forbidden.
func isPlainText(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= ' ' && c < 0x7f, c == '\n', c == '\t':
		case c == '\r':
			if i+1 >= len(s) || s[i+1] != '\n' {
				return false
			}
		case c < ' ', c == 0x7f:
			return false
		case c == 0xc2: // up to U+009F
			if s[i+1] < 0xa0 {
				return false
			}
		case c == 0xe2: // U+2028, U+2029
			if s[i+1] == 0x80 && s[i+2]&^1 == 0xa8 {
				return false
			}
		case c == 0xef: // byte order marks and what is no character
			if s[i+1] == 0xbb || (s[i+1] == 0xbf && s[i+2] >= 0xbe) {
				return false
			}
		}
	}
	return true
}

// advance goes to the next line with content.
func (r *blockReader) advance() error {
	for r.next < len(r.s) {
		r.readLine()
		if r.from == r.end || r.s[r.from] == '#' {
			continue
		}
		if r.s[r.from] == '\t' {
			if strings.Trim(r.s[r.from:r.end], " \t") == "" {
				return errOtherStyle
			}
			return r.wrong("a tab is used for indentation; use spaces", r.from)
		}
		return nil
	}
	r.over = true
	r.line, r.from, r.end = len(r.s), len(r.s), len(r.s)
	return nil
}

// readLine reads the next line, whatever is in it.
func (r *blockReader) readLine() {
	r.line = r.next
	if i := strings.IndexByte(r.s[r.line:], '\n'); i >= 0 {
		r.end, r.next = r.line+i, r.line+i+1
	} else {
		r.end, r.next = len(r.s), len(r.s)
	}
	if r.end > r.line && r.s[r.end-1] == '\r' {
		r.end--
	}
	r.from = r.line
	for r.from < r.end && r.s[r.from] == ' ' {
		r.from++
	}
}

// isMarker reports whether the line is a directive, or begins or ends a document.
func (r *blockReader) isMarker() bool {
	return r.from == r.line && (r.s[r.from] == '%' || isMarker(r.s[r.from:r.end]))
}

func isMarker(line string) bool {
	return len(line) >= 3 && (line[:3] == "---" || line[:3] == "...") && (len(line) == 3 || line[3] == ' ' || line[3] == '\t')
}

// isEntry reports whether a sequence's dash stands at an offset of the line.
func (r *blockReader) isEntry(at int) bool {
	return r.s[at] == '-' && (at+1 == r.end || r.s[at+1] == ' ' || r.s[at+1] == '\t')
}

// node reads the value that starts at the content; outer is the column of the
// collection around it.
func (r *blockReader) node(parent *Node, outer, depth int) (*Node, error) {
	if r.isEntry(r.from) {
		return r.sequence(parent, depth+1)
	}
	key, err := r.key(r.from)
	switch {
	case err != nil:
		return nil, err
	case key.found:
		return r.mapping(parent, key, depth+1)
	}
	return r.scalar(parent, r.from, outer, depth)
}

func (r *blockReader) collection(parent *Node, kind Kind, depth int) (*Node, error) {
	if depth > MaxDepth {
		line, column := r.doc.lines.locate(r.from)
		return nil, tooDeep(r.doc.path, line, column)
	}
	return r.add(parent, kind, r.from)
}

// mapping reads the members whose keys stand in the column of the content; key
// is the first of them.
func (r *blockReader) mapping(parent *Node, key blockKey, depth int) (*Node, error) {
	n, err := r.collection(parent, Object, depth)
	if err != nil {
		return nil, err
	}
	column, mark := r.column(), r.open()
	for {
		child, err := r.member(n, key, column, depth)
		if err != nil {
			return nil, err
		}
		child.key = key.text
		r.child(child)
		if r.over || r.column() < column {
			break
		}
		if r.column() > column {
			return nil, r.wrong("the line is indented further than the lines that it belongs to", r.from)
		}
		if key, err = r.key(r.from); err != nil {
			return nil, err
		}
		if !key.found || r.isMarker() {
			return nil, errOtherStyle
		}
	}
	r.close(n, mark)
	return n, nil
}

// member reads the value of a key; column is that of the key.
func (r *blockReader) member(n *Node, key blockKey, column, depth int) (*Node, error) {
	at := r.skipSpaces(key.end)
	if !r.isRest(at) {
		if r.isEntry(at) {
			return nil, errOtherStyle
		}
		return r.scalar(n, at, column, depth)
	}
	if err := r.advance(); err != nil {
		return nil, err
	}
	switch {
	case !r.over && r.column() > column:
		return r.node(n, column, depth)
	case !r.over && r.column() == column && r.isEntry(r.from):
		return r.sequence(n, depth+1)
	}
	return r.null(n, key.end)
}

// sequence reads the items whose dashes stand in the column of the content.
func (r *blockReader) sequence(parent *Node, depth int) (*Node, error) {
	n, err := r.collection(parent, Array, depth)
	if err != nil {
		return nil, err
	}
	column, mark := r.column(), r.open()
	for !r.over && r.column() == column && !r.isMarker() && r.isEntry(r.from) {
		child, err := r.item(n, column, depth)
		if err != nil {
			return nil, err
		}
		r.child(child)
	}
	if !r.over && r.column() > column {
		return nil, r.wrong("the line is indented further than the lines that it belongs to", r.from)
	}
	r.close(n, mark)
	return n, nil
}

// item reads what follows a dash.
func (r *blockReader) item(n *Node, column, depth int) (*Node, error) {
	dash := r.from
	at := r.skipSpaces(dash + 1)
	if !r.isRest(at) {
		r.from = at
		return r.node(n, column, depth)
	}
	if err := r.advance(); err != nil {
		return nil, err
	}
	if !r.over && r.column() > column {
		return r.node(n, column, depth)
	}
	return r.null(n, dash+1)
}

func (r *blockReader) null(parent *Node, at int) (*Node, error) {
	n, err := r.add(parent, Null, at)
	if err == nil {
		n.text = "null"
	}
	return n, err
}

func (r *blockReader) skipSpaces(at int) int {
	for at < r.end && r.s[at] == ' ' {
		at++
	}
	return at
}

// isRest reports whether nothing but a comment follows on the line. There is a
// space before at, or it is the end.
func (r *blockReader) isRest(at int) bool {
	return at == r.end || (r.s[at] == '#' && r.s[at-1] == ' ')
}

// blockKey is a key and the offset after its colon.
type blockKey struct {
	text  string
	end   int
	found bool
}

// key reads the key at an offset of the line, if there is one.
func (r *blockReader) key(at int) (blockKey, error) {
	var text string
	var end int
	switch c := r.s[at]; {
	case c == '"' || c == '\'':
		var closed bool
		var err error
		if text, end, closed, err = r.quoted(at); err != nil {
			return blockKey{}, err
		}
		end = r.skipSpaces(end)
		if !closed || end == r.end || r.s[end] != ':' {
			return blockKey{}, nil
		}
	case !r.startsPlain(at):
		if strings.IndexByte("|>[{", c) >= 0 {
			return blockKey{}, nil // a scalar may read it
		}
		return blockKey{}, errOtherStyle
	default:
		colon := r.plainEnd(at)
		if colon == r.end || r.s[colon] != ':' {
			return blockKey{}, nil
		}
		if text, end = strings.TrimRight(r.s[at:colon], " "), colon; strings.IndexByte(text, '\t') >= 0 {
			return blockKey{}, errOtherStyle
		}
	}
	if end+1 < r.end && r.s[end+1] != ' ' || end-at > maxKey || text == "<<" {
		return blockKey{}, errOtherStyle
	}
	return blockKey{text: text, end: end + 1, found: true}, nil
}
