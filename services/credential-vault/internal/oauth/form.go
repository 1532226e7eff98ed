package oauth

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

// field is one parameter of a request. It owns the bytes of its value.
type field struct {
	name  string
	value []byte
}

// form is the parameters of a request in the order in which they are sent. Whoever
// makes one clears it.
type form []field

// add appends a plain parameter; an empty value adds nothing.
func (f *form) add(name, value string) {
	if value != "" {
		*f = append(*f, field{name, []byte(value)})
	}
}

// has reports whether a parameter is there.
func (f form) has(name string) bool { return f.get(name) != nil }

// get returns a parameter's value; nil if it is not there.
func (f form) get(name string) []byte {
	for _, one := range f {
		if one.name == name {
			return one.value
		}
	}
	return nil
}

// replace puts parameters in the place of all those of the same names; those
// without a value only take away.
func (f *form) replace(parameters []Parameter) {
	for _, p := range parameters {
		f.remove(p.Name)
	}
	for _, p := range parameters {
		f.add(p.Name, p.Value)
	}
}

// remove takes every parameter of a name away.
func (f *form) remove(name string) {
	kept := (*f)[:0]
	for _, one := range *f {
		if one.name == name {
			clear(one.value)
			continue
		}
		kept = append(kept, one)
	}
	*f = kept
}

// clear overwrites all values.
func (f form) clear() {
	for _, one := range f {
		clear(one.value)
	}
}

// encode returns the parameters as a form. The result is made in one piece, so
// that no outgrown copy of a secret stays behind.
func (f form) encode() []byte {
	size := 0
	for _, one := range f {
		size += 2 + 3*(len(one.name)+len(one.value))
	}
	body := make([]byte, 0, size)
	for i, one := range f {
		if i > 0 {
			body = append(body, '&')
		}
		body = appendEscaped(body, []byte(one.name))
		body = append(body, '=')
		body = appendEscaped(body, one.value)
	}
	return body
}

// encodeJSON returns the parameters as an object of strings.
func (f form) encodeJSON() []byte {
	size := 2
	for _, one := range f {
		size += 6 + 6*(len(one.name)+len(one.value))
	}
	body := append(make([]byte, 0, size), '{')
	for i, one := range f {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendQuoted(body, []byte(one.name))
		body = append(body, ':')
		body = appendQuoted(body, one.value)
	}
	return append(body, '}')
}

// appendQuoted appends a JSON string. What is not UTF-8 becomes U+FFFD, which is
// all that the error would say.
func appendQuoted(dst, src []byte) []byte {
	dst, _ = jsontext.AppendQuote(dst, src)
	return dst
}

// appendInside appends what stands between the quotes of a JSON string.
func appendInside(dst, src []byte) []byte {
	quoted := appendQuoted(make([]byte, 0, 2+6*len(src)), src)
	defer clear(quoted)
	return append(dst, quoted[1:len(quoted)-1]...)
}

// appendEscaped appends src as application/x-www-form-urlencoded has it, but for
// the space, which becomes %20: everybody reads that, and not everybody reads "+"
// in the query of a URL.
func appendEscaped(dst, src []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range src {
		if unreserved(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		}
	}
	return dst
}

// unreserved reports whether a byte stands for itself (RFC 3986, section 2.3).
func unreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	default:
		return c == '-' || c == '.' || c == '_' || c == '~'
	}
}

// opened returns a copy of a secret, which the caller clears.
func opened(text secret.Text) []byte {
	var b []byte
	_ = text.Use(reveal.Grant(), func(value []byte) error {
		b = append(make([]byte, 0, len(value)), value...)
		return nil
	})
	return b
}
