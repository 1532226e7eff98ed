package infer

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"mvdan.cc/sh/v3/syntax"
)

// words takes a command apart as a shell would. It runs nothing: variables
// become placeholders in braces, and what would have to be run is refused. It
// returns the words of the first curl command, and whether there are more.
func words(command string) (args []string, more bool, err error) {
	file, err := syntax.NewParser().Parse(strings.NewReader(unixed(command)), "")
	if err != nil {
		return nil, false, invalid("curl", "it is not a command: %.200s", err.Error())
	}
	var calls []*syntax.CallExpr
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 && isCurl(call.Args[0]) {
			calls = append(calls, call)
		}
		return true
	})
	if len(calls) == 0 {
		return nil, false, invalid("curl", "there is no curl command in it; it starts with \"curl\"")
	}
	for _, w := range calls[0].Args[1:] {
		var b strings.Builder
		if err := literal(&b, w.Parts, false); err != nil {
			return nil, false, err
		}
		args = append(args, b.String())
	}
	return args, len(calls) > 1, nil
}

func isCurl(w *syntax.Word) bool {
	name := strings.ToLower(w.Lit())
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return name == "curl" || name == "curl.exe"
}

// windows finds what only the Windows command prompt has. A caret inside of a
// word is nothing special: "[^\"]" is.
var windows = regexp.MustCompile(`\^\n|\s\^"`)

// unixed is a command as a Unix shell takes it: without a prompt in front, and
// without the escapes of the Windows command prompt, which is recognised by lines
// that end in a caret, or carets before the quotes around words.
func unixed(command string) string {
	command = strings.ReplaceAll(strings.TrimSpace(command), "\r\n", "\n")
	command = strings.TrimPrefix(strings.TrimPrefix(command, "$ "), "> ")
	if !windows.MatchString(command) {
		return command
	}
	var b strings.Builder
	for i := 0; i < len(command); i++ {
		if command[i] == '^' && i+1 < len(command) {
			i++
			if command[i] == '\n' {
				b.WriteByte(' ')
				continue
			}
		}
		if command[i] == '$' || command[i] == '`' {
			b.WriteByte('\\') // they mean nothing there
		}
		b.WriteByte(command[i])
	}
	return b.String()
}

func literal(b *strings.Builder, parts []syntax.WordPart, quoted bool) error {
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			unescape(b, p.Value, quoted)
		case *syntax.SglQuoted:
			if p.Dollar {
				dollar(b, p.Value)
			} else {
				b.WriteString(p.Value)
			}
		case *syntax.DblQuoted:
			if err := literal(b, p.Parts, true); err != nil {
				return err
			}
		case *syntax.ParamExp:
			if p.Param == nil {
				return invalid("curl", "it computes a value; write it out")
			}
			fmt.Fprintf(b, "{%s}", p.Param.Value)
		default:
			return invalid("curl", "it would run something to get a value; write the value out")
		}
	}
	return nil
}

// unescape removes backslashes. Between double quotes they only escape what is
// special there.
func unescape(b *strings.Builder, text string, quoted bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (!quoted || strings.IndexByte("$`\"\\\n", text[i+1]) >= 0) {
			i++
			if text[i] == '\n' {
				continue
			}
		}
		b.WriteByte(text[i])
	}
}

// dollar decodes the text between $' and '.
func dollar(b *strings.Builder, text string) {
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i += escape(b, text[i+1:])
	}
}

// simple are the escapes of one letter.
var simple = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', 'a': '\a', 'b': '\b', 'f': '\f', 'v': '\v', 'e': 0x1b, 'E': 0x1b}

// escape writes what the text behind a backslash stands for, and returns its
// length.
func escape(b *strings.Builder, text string) int {
	c := text[0]
	if s, ok := simple[c]; ok {
		b.WriteByte(s)
		return 1
	}
	switch {
	case c == 'x':
		if n, length := digits(text[1:], 2, 16); length > 0 {
			b.WriteByte(byte(n))
			return 1 + length
		}
		b.WriteByte('\\')
	case c == 'u' || c == 'U':
		most := 4
		if c == 'U' {
			most = 8
		}
		if n, length := digits(text[1:], most, 16); length > 0 {
			r, more := paired(rune(min(n, utf8.MaxRune+1)), text[1+length:])
			b.WriteRune(r)
			return 1 + length + more
		}
		b.WriteByte('\\')
	case '0' <= c && c <= '7':
		n, length := digits(text, 3, 8)
		b.WriteByte(byte(n))
		return length
	case strings.IndexByte("\\'\"?", c) < 0:
		b.WriteByte('\\') // it escapes nothing
	}
	b.WriteByte(c)
	return 1
}

// paired is the character that a rune and an escape behind it are together, as
// browsers write those beyond 16 bits, and the length of that escape.
func paired(r rune, behind string) (rune, int) {
	rest, ok := strings.CutPrefix(behind, `\u`)
	if !ok || !utf16.IsSurrogate(r) {
		return r, 0
	}
	low, length := digits(rest, 4, 16)
	if both := utf16.DecodeRune(r, rune(low)); both != utf8.RuneError {
		return both, len(`\u`) + length
	}
	return r, 0
}

// digits reads a number of at most so many digits, and returns how many there
// were.
func digits(text string, most, base int) (n uint64, length int) {
	for length < min(most, len(text)) {
		d, err := strconv.ParseUint(text[length:length+1], base, 8)
		if err != nil {
			break
		}
		n = n*uint64(base) + d
		length++
	}
	return n, length
}
