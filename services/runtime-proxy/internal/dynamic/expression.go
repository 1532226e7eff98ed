package dynamic

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// Expressions tell the items of a tree apart:
//
//	(IsFolder eq true)
//	(MediaType eq 'audio/mpeg') or startswith(MediaType, 'video/')
//	not (size gt 1048576) and kind ne null
//	isFolder
//
// An operand is a dot path (or one with slashes) inside the item, a text in single
// quotes (a quote inside is doubled), a number, true, false or null. Comparisons
// are eq, ne, gt, ge, lt and le; functions are contains, startswith and endswith;
// not binds closer than and, and that closer than or. A path by itself is true if
// the boolean there is. What is missing is null, and null is neither greater nor
// less than anything.

const (
	// maxExpression is the longest expression, in bytes.
	maxExpression = 4 << 10
	// maxNesting is how deep parentheses may be.
	maxNesting = 32
)

// predicate is a compiled expression.
type predicate = func(item jsontext.Value) bool

// compile compiles an expression; an empty one is always otherwise.
func compile(text string, otherwise bool) (predicate, error) {
	if strings.TrimSpace(text) == "" {
		return func(jsontext.Value) bool { return otherwise }, nil
	}
	if len(text) > maxExpression {
		return nil, fmt.Errorf("an expression is longer than %d bytes", maxExpression)
	}
	words, err := scan(text)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	p := &parser{words: words}
	out, err := p.or(0)
	if err == nil && p.at < len(p.words) {
		err = fmt.Errorf("%q is not expected", p.words[p.at].text)
	}
	if err != nil {
		return nil, fmt.Errorf("%q: %w", text, err)
	}
	return out, nil
}

// truth reports whether there is a true at a path.
func truth(item jsontext.Value, path string) bool {
	v, _ := dotpath.Find(item, path)
	flag, _ := dotpath.Flag(v)
	return flag
}

// word is a token: a text in quotes, or a sign or name.
type word struct {
	text   string
	quoted bool
}

func scan(text string) ([]word, error) {
	var out []word
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			i++
		case c == '(' || c == ')' || c == ',':
			out = append(out, word{text: text[i : i+1]})
			i++
		case c == '\'':
			inner, length, err := unquote(text[i:])
			if err != nil {
				return nil, err
			}
			out = append(out, word{inner, true})
			i += length
		default:
			end := i + strings.IndexAny(text[i:]+" ", " \t\r\n(),'")
			out = append(out, word{text: text[i:end]})
			i = end
		}
	}
	return out, nil
}

func unquote(text string) (inner string, length int, err error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '\'' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return b.String(), i + 1, nil
		}
		b.WriteByte('\'')
		i++
	}
	return "", 0, errors.New("a quote is not closed")
}

type parser struct {
	words []word
	at    int
}

// take goes on if the next word is this one; words are compared without case.
func (p *parser) take(text string) bool {
	if p.at < len(p.words) && !p.words[p.at].quoted && strings.EqualFold(p.words[p.at].text, text) {
		p.at++
		return true
	}
	return false
}

func (p *parser) or(level int) (predicate, error) {
	left, err := p.and(level)
	for err == nil && p.take("or") {
		a := left
		var b predicate
		b, err = p.and(level)
		left = func(item jsontext.Value) bool { return a(item) || b(item) }
	}
	return left, err
}

func (p *parser) and(level int) (predicate, error) {
	left, err := p.not(level)
	for err == nil && p.take("and") {
		a := left
		var b predicate
		b, err = p.not(level)
		left = func(item jsontext.Value) bool { return a(item) && b(item) }
	}
	return left, err
}

func (p *parser) not(level int) (predicate, error) {
	if level > maxNesting {
		return nil, errors.New("it is nested too deep")
	}
	if p.take("not") {
		inner, err := p.not(level + 1)
		return func(item jsontext.Value) bool { return !inner(item) }, err
	}
	if p.take("(") {
		inner, err := p.or(level + 1)
		if err == nil && !p.take(")") {
			err = errors.New("a parenthesis is not closed")
		}
		return inner, err
	}
	return p.comparison()
}

var comparisons = map[string]func(order int, known bool) bool{
	"eq": func(order int, known bool) bool { return known && order == 0 },
	"ne": func(order int, known bool) bool { return !known || order != 0 },
	"gt": func(order int, known bool) bool { return known && order > 0 },
	"ge": func(order int, known bool) bool { return known && order >= 0 },
	"lt": func(order int, known bool) bool { return known && order < 0 },
	"le": func(order int, known bool) bool { return known && order <= 0 },
}

var functions = map[string]func(text, part string) bool{
	"contains": strings.Contains, "startswith": strings.HasPrefix, "endswith": strings.HasSuffix,
}

// comparison reads "a eq b", a function, or an operand by itself.
func (p *parser) comparison() (predicate, error) {
	if p.at+1 < len(p.words) && p.words[p.at+1].text == "(" && !p.words[p.at+1].quoted {
		if f, ok := functions[strings.ToLower(p.words[p.at].text)]; ok {
			return p.function(f)
		}
	}
	left, err := p.operand()
	if err != nil {
		return nil, err
	}
	for name, holds := range comparisons {
		if p.take(name) {
			right, err := p.operand()
			return func(item jsontext.Value) bool { return holds(compare(left(item), right(item))) }, err
		}
	}
	return func(item jsontext.Value) bool { flag, _ := dotpath.Flag(left(item)); return flag }, nil
}

func (p *parser) function(f func(text, part string) bool) (predicate, error) {
	p.at += 2 // its name and the parenthesis
	text, err := p.operand()
	if err != nil {
		return nil, err
	}
	if !p.take(",") {
		return nil, errors.New("a function needs two arguments")
	}
	part, err := p.operand()
	if err == nil && !p.take(")") {
		err = errors.New("a parenthesis is not closed")
	}
	return func(item jsontext.Value) bool { return f(dotpath.Text(text(item)), dotpath.Text(part(item))) }, err
}

// operand reads a constant or a path.
func (p *parser) operand() (func(item jsontext.Value) jsontext.Value, error) {
	if p.at == len(p.words) {
		return nil, errors.New("it ends too early")
	}
	w := p.words[p.at]
	p.at++
	if w.quoted {
		quoted, _ := jsontext.AppendQuote(nil, w.text) // what is not UTF-8 is mended
		return constant(quoted), nil
	}
	if strings.ContainsAny(w.text, "(),") {
		return nil, fmt.Errorf("%q is not expected", w.text)
	}
	switch lower := strings.ToLower(w.text); lower {
	case "true", "false", "null":
		return constant(jsontext.Value(lower)), nil
	}
	if v := jsontext.Value(w.text); v.IsValid() { // a number, or a text in double quotes
		return constant(v), nil
	}
	path := strings.ReplaceAll(w.text, "/", ".")
	return func(item jsontext.Value) jsontext.Value {
		found, _ := dotpath.Find(item, path)
		return found
	}, nil
}

func constant(v jsontext.Value) func(jsontext.Value) jsontext.Value {
	return func(jsontext.Value) jsontext.Value { return v }
}

// compare orders two values: numbers by what they are worth, everything else as
// text. Null is comparable only with null.
func compare(a, b jsontext.Value) (order int, known bool) {
	if isNull(a) || isNull(b) {
		return 0, isNull(a) && isNull(b)
	}
	if a.Kind() == '0' && b.Kind() == '0' {
		x, okX := worth(a)
		y, okY := worth(b)
		if okX && okY {
			return x.Cmp(y), true
		}
	}
	return strings.Compare(dotpath.Text(a), dotpath.Text(b)), true
}

func isNull(v jsontext.Value) bool { return len(v) == 0 || v.Kind() == 'n' }

// worth reads a number exactly enough to tell large ids apart.
func worth(v jsontext.Value) (*big.Float, bool) {
	f, _, err := big.ParseFloat(string(v), 10, 256, big.ToNearestEven)
	return f, err == nil
}
