package document

import "strings"

// flowValue reads a collection in flow style that ends on its line, and goes on
// to the next line with content.
func (r *blockReader) flowValue(parent *Node, at, depth int) (*Node, error) {
	n, end, err := r.flow(parent, at, depth)
	if err != nil {
		return nil, err
	}
	if rest := r.skipSpaces(end); !r.isRest(rest) || (rest == end && rest != r.end) {
		return nil, errOtherStyle
	}
	return n, r.advance()
}

// flow reads the collection at an offset of the line. end is the offset after
// its closing bracket.
func (r *blockReader) flow(parent *Node, at, depth int) (n *Node, end int, err error) {
	kind, closing := Array, byte(']')
	if r.s[at] == '{' {
		kind, closing = Object, '}'
	}
	if depth++; depth > MaxDepth {
		line, column := r.doc.lines.locate(at)
		return nil, 0, tooDeep(r.doc.path, line, column)
	}
	if n, err = r.add(parent, kind, at); err != nil {
		return nil, 0, err
	}
	mark := r.open()
	i := r.skipSpaces(at + 1)
	for i < r.end && r.s[i] != closing {
		var child *Node
		if child, i, err = r.flowChild(n, i, depth); err != nil {
			return nil, 0, err
		}
		r.child(child)
		i = r.skipSpaces(i)
		if i < r.end && r.s[i] == ',' {
			if i = r.skipSpaces(i + 1); i < r.end && r.s[i] != closing {
				continue
			}
			return nil, 0, errOtherStyle
		}
		break
	}
	if i >= r.end || r.s[i] != closing {
		return nil, 0, errOtherStyle
	}
	r.close(n, mark)
	return n, i + 1, nil
}

// flowChild reads one item or member.
func (r *blockReader) flowChild(n *Node, i, depth int) (child *Node, end int, err error) {
	key := ""
	if n.kind == Object {
		from := i
		if key, _, i, err = r.flowText(i); err != nil {
			return nil, 0, err
		}
		if i+1 >= r.end || r.s[i] != ':' || r.s[i+1] != ' ' || key == "<<" || i-from > maxKey {
			return nil, 0, errOtherStyle
		}
		if i = r.skipSpaces(i + 1); i == r.end {
			return nil, 0, errOtherStyle
		}
	}
	if c := r.s[i]; c == '[' || c == '{' {
		child, end, err = r.flow(n, i, depth)
	} else {
		child, end, err = r.flowScalar(n, i)
	}
	if err != nil {
		return nil, 0, err
	}
	child.key = key
	return child, end, nil
}

func (r *blockReader) flowScalar(parent *Node, i int) (n *Node, end int, err error) {
	text, isPlain, end, err := r.flowText(i)
	if err != nil {
		return nil, 0, err
	}
	kind := String
	if isPlain {
		kind, text = plainKind(text)
	}
	if n, err = r.add(parent, kind, i); err == nil {
		n.text = text
	}
	return n, end, err
}

// flowText reads a quoted scalar, or a plain one of characters that cannot mean
// anything else.
func (r *blockReader) flowText(i int) (text string, isPlain bool, end int, err error) {
	if c := r.s[i]; c == '"' || c == '\'' {
		text, end, closed, err := r.quoted(i)
		if err == nil && !closed {
			err = errOtherStyle
		}
		return text, false, end, err
	}
	end = i
	for end < r.end && isFlowWord(r.s[end]) {
		end++
	}
	text = strings.TrimRight(r.s[i:end], " ")
	if text == "" || !isFlowStart(text[0]) {
		return "", false, 0, errOtherStyle
	}
	return text, true, end, nil
}

func isFlowStart(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '/' || c == '$' || c == '_'
}

// isFlowWord leaves out whatever is an indicator somewhere.
func isFlowWord(c byte) bool {
	return isFlowStart(c) || c == ' ' || c == '.' || c == '-' || c == '+' || c >= 0x80
}
