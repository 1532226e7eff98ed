package plan

import (
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const (
	// maxBrackets is how many pairs of brackets a name may have. Servers stop far
	// earlier: qs after 5, Rack after 32, PHP after 64.
	maxBrackets = 100
	// maxBracketed is how long the pairs of one value may become, in bytes: the
	// names repeat for every value below them.
	maxBracketed = 2 * MaxInput
)

// bracketed reports whether a value is written with brackets.
func (l layout) bracketed(v jsontext.Value) bool {
	return l.deep && (v.Kind() == '{' || (v.Kind() == '[' && l.explode))
}

// pairs returns the pairs of a value in a query or a form. What cannot be written
// is a problem.
func (l layout) pairs(name string, v jsontext.Value) (out []byte, problem string) {
	if l.bracketed(v) {
		return l.brackets(name, v)
	}
	return l.expand(nil, name, v), ""
}

// brackets writes the style deepObject. OpenAPI says what it means for an object
// of scalars, name[property]=value, and leaves all else undefined. What servers
// such as PHP, Rails and those with qs read back as it was, and what APIs that
// use the style expect, is written for the rest:
//
//	objects in objects      name[a][b]=1
//	lists of scalars        name[]=1&name[]=2 and name[a][]=1&name[a][]=2
//	lists of other things   name[0][a]=1&name[0][b]=2&name[1][a]=3
//
// An index keeps the members of one item together, where name[][a] would leave
// it to the server to guess where the next item starts. The brackets are
// encoded, as RFC 3986 wants them in a query.
func (l layout) brackets(name string, v jsontext.Value) (out []byte, problem string) {
	b := brackets{escape: l.escape}
	if v.Kind() == '[' {
		name = strings.TrimSuffix(name, "[]") // some descriptions write them themselves
	}
	b.write(request.Escape(name), v, maxBrackets)
	if b.problem != "" {
		return nil, b.problem
	}
	return b.out, ""
}

// brackets is a value on its way into pairs.
type brackets struct {
	escape  escaping
	out     []byte
	problem string
}

func (b *brackets) write(prefix string, v jsontext.Value, levels int) {
	switch {
	case b.problem != "":
	case levels < 0:
		b.problem = "must not be nested deeper than " + strconv.Itoa(maxBrackets) + " levels: each is a pair of brackets in its name"
	case v.Kind() == '{':
		for _, m := range members(v) {
			b.write(prefix+"%5B"+request.Escape(m.name)+"%5D", m.value, levels-1)
		}
	case v.Kind() == '[':
		b.list(prefix, elements(v), levels)
	default:
		if len(b.out) > 0 {
			b.out = append(b.out, '&')
		}
		b.out = append(append(b.out, prefix...), '=')
		b.out = b.escape.append(b.out, text(v))
		if len(b.out) > maxBracketed {
			b.problem = "is too long: names are repeated for every value below them, and that makes more than " + strconv.Itoa(maxBracketed) + " bytes"
		}
	}
}

func (b *brackets) list(prefix string, items []jsontext.Value, levels int) {
	plain := !slices.ContainsFunc(items, func(v jsontext.Value) bool { return v.Kind() == '{' || v.Kind() == '[' })
	for i, item := range items {
		index := ""
		if !plain {
			index = strconv.Itoa(i)
		}
		b.write(prefix+"%5B"+index+"%5D", item, levels-1)
		if b.problem != "" {
			return
		}
	}
}
