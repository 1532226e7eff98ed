package document

import (
	"bytes"
	"encoding/binary"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// decode returns the content of a file as UTF-8 without a byte order mark, and
// notes what it did for that. Text in UTF-16 is converted as a whole; in other
// files, each byte that is no part of a UTF-8 character is taken as one of
// Windows-1252, so that files that mix both are read as well.
func (d *Document) decode(content []byte) (string, error) {
	if order, skip := utf16Order(content); order != nil {
		d.remark(EncodingConverted, nil, 0)
		return fromUTF16(content[skip:], order), nil
	}
	content, hadMark := bytes.CutPrefix(content, []byte("\xef\xbb\xbf"))
	if hadMark {
		d.remark(ByteOrderMark, nil, 0)
	}
	if utf8.Valid(content) {
		return string(content), nil
	}
	if isBinary(content) {
		return "", notText(d.path)
	}
	return d.fromMixed(content), nil
}

// utf16Order recognises UTF-16 by its byte order mark, or by the zero beside the
// first character, which in a description is ASCII.
func utf16Order(content []byte) (order binary.ByteOrder, skip int) {
	if len(content) < 2 || len(content)%2 != 0 {
		return nil, 0
	}
	switch first, second := content[0], content[1]; {
	case first == 0xff && second == 0xfe:
		return binary.LittleEndian, 2
	case first == 0xfe && second == 0xff:
		return binary.BigEndian, 2
	case first != 0 && first < utf8.RuneSelf && second == 0:
		return binary.LittleEndian, 0
	case first == 0 && second != 0 && second < utf8.RuneSelf:
		return binary.BigEndian, 0
	}
	return nil, 0
}

func fromUTF16(content []byte, order binary.ByteOrder) string {
	var b strings.Builder
	b.Grow(len(content)/2 + len(content)/16)
	for i := 0; i+1 < len(content); i += 2 {
		c := rune(order.Uint16(content[i:]))
		if utf16.IsSurrogate(c) && i+3 < len(content) {
			if both := utf16.DecodeRune(c, rune(order.Uint16(content[i+2:]))); both != utf8.RuneError {
				b.WriteRune(both)
				i += 2
				continue
			}
		}
		b.WriteRune(c) // half a pair becomes U+FFFD
	}
	return b.String()
}

// isBinary reports whether bytes that are not UTF-8 are no text in any encoding.
func isBinary(content []byte) bool {
	odd := 0
	for _, c := range content {
		switch {
		case c == 0:
			return true
		case c < ' ' && c != '\n' && c != '\r' && c != '\t':
			odd++
		}
	}
	return odd > len(content)/100
}

// fromMixed converts the bytes that are not UTF-8.
func (d *Document) fromMixed(content []byte) string {
	var b strings.Builder
	b.Grow(len(content) + len(content)/8)
	for len(content) > 0 {
		r, size := utf8.DecodeRune(content)
		if r != utf8.RuneError || size > 1 {
			b.Write(content[:size])
			content = content[size:]
			continue
		}
		d.remark(EncodingConverted, nil, b.Len())
		b.WriteRune(windows1252(content[0]))
		content = content[1:]
	}
	return b.String()
}

// windows1252 returns the character of a byte from 0x80 on.
func windows1252(c byte) rune {
	const low = "€\uFFFD‚ƒ„…†‡ˆ‰Š‹Œ\uFFFDŽ\uFFFD\uFFFD‘’“”•–—˜™š›œ\uFFFDžŸ"
	if c >= 0xa0 {
		return rune(c)
	}
	at := byte(0x80)
	for _, r := range low {
		if at == c {
			return r
		}
		at++
	}
	return utf8.RuneError
}

func notText(name string) error {
	return placed(fault.Invalid(fault.ReasonDocumentNotUTF8,
		"%q is no text; send an API description in UTF-8", name), name, 1, 1)
}
