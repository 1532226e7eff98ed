package document

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// scalar reads the scalar, or the collection in flow style, that starts at an
// offset of the line; column is that of the collection around it. It ends on the
// next line with content.
func (r *blockReader) scalar(parent *Node, at, column, depth int) (*Node, error) {
	var text string
	var err error
	kind := String
	switch c := r.s[at]; {
	case c == '"' || c == '\'':
		text, err = r.quotedValue(at)
	case c == '|' || c == '>':
		text, err = r.blockText(at, column)
	case c == '[' || c == '{':
		return r.flowValue(parent, at, depth)
	case !r.startsPlain(at):
		return nil, errOtherStyle
	default:
		if text, err = r.plain(at, column); err == nil {
			kind, text = plainKind(text)
		}
	}
	if err != nil {
		return nil, err
	}
	n, err := r.add(parent, kind, at)
	if err == nil {
		n.text = text
	}
	return n, err
}

// startsPlain reports whether a plain scalar can start at an offset of the line.
func (r *blockReader) startsPlain(at int) bool {
	c := r.s[at]
	if c == '-' || c == '?' || c == ':' {
		return at+1 < r.end && r.s[at+1] != ' ' && r.s[at+1] != '\t'
	}
	return strings.IndexByte("\t,[]{}#&*!|>'\"%@`", c) < 0
}

// plainEnd returns the offset at which a plain scalar ends on its line: that of a
// colon that makes it a key, of the space before a comment, or of the line's end.
func (r *blockReader) plainEnd(at int) int {
	for ; at < r.end; at++ {
		switch r.s[at] {
		case ':':
			if at+1 == r.end || r.s[at+1] == ' ' || r.s[at+1] == '\t' {
				return at
			}
		case '#':
			if r.s[at-1] == ' ' {
				return at - 1
			}
		}
	}
	return at
}

// plain reads a plain scalar, which goes on for as long as lines are indented
// further than the collection.
func (r *blockReader) plain(at, column int) (string, error) {
	var text string
	var long strings.Builder
	for {
		end := r.plainEnd(at)
		if end < r.end && r.s[end] == ':' {
			return "", r.wrong("a colon makes a key of text that is none; put the text in quotes", end)
		}
		part := strings.TrimRight(r.s[at:end], " ")
		if strings.IndexByte(part, '\t') >= 0 {
			return "", errOtherStyle
		}
		if long.Len() > 0 {
			long.WriteString(part)
		} else {
			text = part
		}
		blanks, err := r.more(end < r.end, column)
		if err != nil || blanks < 0 {
			if long.Len() > 0 {
				text = long.String()
			}
			return text, err
		}
		if long.Len() == 0 {
			long.WriteString(text)
		}
		fold(&long, blanks)
		at = r.from
	}
}

// more goes to the next line and returns the number of blank lines before it if
// a plain scalar goes on there, or else -1. A scalar never goes on after a
// comment.
func (r *blockReader) more(comment bool, column int) (blanks int, err error) {
	for r.next < len(r.s) {
		r.readLine()
		switch {
		case r.from == r.end:
			blanks++
			continue
		case r.s[r.from] == '\t' && r.column() <= column:
			return -1, r.wrong("a tab is used for indentation; use spaces", r.from)
		case r.s[r.from] == '\t':
			return -1, errOtherStyle
		case r.s[r.from] == '#':
			comment = true
			continue
		case r.column() <= column:
			return -1, nil
		case comment || r.isMarker():
			return -1, errOtherStyle
		}
		return blanks, nil
	}
	return -1, r.advance()
}

// fold writes what stands for a line break and the blank lines after it.
func fold(b *strings.Builder, blanks int) {
	if blanks == 0 {
		b.WriteByte(' ')
		return
	}
	for range blanks {
		b.WriteByte('\n')
	}
}

// plainKind returns what a plain scalar is. Most text cannot be anything else by
// its first character.
func plainKind(text string) (Kind, string) {
	switch c := text[0]; {
	case c == '~' || strings.IndexByte("tTfFnN", c) >= 0:
		switch text {
		case "~", "null", "Null", "NULL":
			return Null, "null"
		case "true", "True", "TRUE":
			return Bool, "true"
		case "false", "False", "FALSE":
			return Bool, "false"
		}
		return String, text
	case isDigit(c):
		if (c != '0' || len(text) == 1) && len(text) < 18 && digits(text, 0) == len(text) {
			return Number, text
		}
	case c != '.' && c != '+' && c != '-':
		return String, text
	}
	return scalar(&yaml.Node{Kind: yaml.ScalarNode, Value: text})
}

// blockText reads a literal or folded block scalar (YAML 1.2, section 8.1).
func (r *blockReader) blockText(at, column int) (string, error) {
	literal := r.s[at] == '|'
	header := at + 1
	chomp := byte(0)
	if header < r.end && (r.s[header] == '+' || r.s[header] == '-') {
		chomp = r.s[header]
		header++
	}
	if rest := r.skipSpaces(header); !r.isRest(rest) || rest == header && rest != r.end {
		return "", errOtherStyle
	}
	var b strings.Builder
	indent, breaks, err := r.firstIndent(column)
	if err != nil {
		return "", err
	}
	lineBreak, spaced := false, false
	for r.next < len(r.s) && r.atIndent(indent) {
		blank := r.s[r.next+indent] == ' ' || r.s[r.next+indent] == '\t'
		switch {
		case !lineBreak:
		case literal || spaced || blank:
			b.WriteByte('\n')
		case breaks == 0:
			b.WriteByte(' ')
		}
		repeatBreaks(&b, breaks)
		spaced = blank
		r.readLine()
		b.WriteString(r.s[r.line+indent : r.end])
		lineBreak = r.next > r.end
		if breaks, err = r.skipBlank(indent); err != nil {
			return "", err
		}
	}
	if chomp != '-' && lineBreak {
		b.WriteByte('\n')
	}
	if chomp == '+' {
		repeatBreaks(&b, breaks)
	}
	return b.String(), r.advance()
}

func repeatBreaks(b *strings.Builder, n int) {
	for range n {
		b.WriteByte('\n')
	}
}

// firstIndent skips the blank lines at the start of a block scalar and returns
// the indentation of its text: that of the first line with something in it, or
// of the longest blank one, and at least one more than that of the collection.
func (r *blockReader) firstIndent(column int) (indent, breaks int, err error) {
	for r.next < len(r.s) {
		line, from, end, next := r.line, r.from, r.end, r.next
		r.readLine()
		indent = max(indent, r.column())
		if r.from < r.end {
			if r.s[r.from] == '\t' {
				return 0, 0, errOtherStyle
			}
			r.line, r.from, r.end, r.next = line, from, end, next
			break
		}
		if r.next == r.end {
			break // the last line has no line break
		}
		breaks++
	}
	return max(indent, column+1, 1), breaks, nil
}

// skipBlank skips lines with nothing in them before the indentation is reached.
func (r *blockReader) skipBlank(indent int) (breaks int, err error) {
	for r.next < len(r.s) {
		at := r.next
		for at < len(r.s) && at-r.next < indent && r.s[at] == ' ' {
			at++
		}
		switch {
		case at == len(r.s):
			r.next = at
			return breaks, nil
		case at-r.next < indent && r.s[at] == '\t':
			return 0, errOtherStyle
		case r.s[at] != '\n' && r.s[at] != '\r':
			return breaks, nil
		}
		r.readLine()
		breaks++
	}
	return breaks, nil
}

// atIndent reports whether the next line is indented far enough, with something
// after that.
func (r *blockReader) atIndent(indent int) bool {
	if len(r.s)-r.next <= indent {
		return false
	}
	for i := range indent {
		if r.s[r.next+i] != ' ' {
			return false
		}
	}
	return true
}
