package mapping

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Place is where a template has an expression instead of a constant.
type Place struct {
	// Tokens lead there from the input, as those of a JSON pointer (RFC 6901) do.
	Tokens []string
	// Makes is what stands there for every event: "a string", "an integer" and so on, as
	// JSON Schema calls it; empty if that depends on the event.
	Makes string
	// Text is the expression, or the text with expressions, without its end where it is
	// long.
	Text string
}

// Examples returns inputs that the template could make, of which each has other values
// of the same types where there are expressions, and these places. What is wrong with
// all of them cannot be mended by any event.
func (t *Template) Examples() ([][]byte, []Place, error) {
	c := exampleMaker{}
	inputs := make([][]byte, examples)
	for i := range inputs {
		c.index, c.places = i, nil
		text, err := json.Marshal(c.value(t.root, nil))
		if err != nil {
			return nil, nil, fmt.Errorf("write an example: %w", err)
		}
		inputs[i] = text
	}
	if len(c.places) == 0 {
		return inputs[:1], nil, nil
	}
	return inputs, c.places, nil
}

// exampleMaker makes one example of a template.
type exampleMaker struct {
	index  int
	places []Place
}

func (c *exampleMaker) value(n *node, at []string) any {
	switch n.kind {
	case object:
		out := make(map[string]any, len(n.members))
		for _, m := range n.members {
			out[m.name] = c.value(m.value, below(at, m.name))
		}
		return out
	case list:
		out := make([]any, 0, len(n.items))
		for i, item := range n.items {
			out = append(out, c.value(item, below(at, strconv.Itoa(i))))
		}
		return out
	case text:
		return c.text(n, at)
	case constant:
	}
	return n.raw
}

func below(at []string, token string) []string { return append(slices.Clip(at), token) }

func (c *exampleMaker) text(n *node, at []string) any {
	if len(n.parts) == 1 && n.parts[0].expression != nil {
		x := n.parts[0].expression
		c.places = append(c.places, Place{at, string(x.makes), clip(x.text)})
		return x.makes.example(c.index)
	}
	var whole, source strings.Builder
	constant, scalar := true, true
	for _, p := range n.parts {
		if p.expression == nil {
			whole.WriteString(p.literal)
			source.WriteString(p.literal)
			scalar = scalar && strings.Trim(p.literal, partsOfScalars) == ""
			continue
		}
		constant = false
		fmt.Fprint(&whole, aString.example(c.index))
		source.WriteString("${" + p.expression.text + "}")
	}
	if constant {
		return whole.String()
	}
	c.places = append(c.places, Place{at, string(aString), clip(source.String())})
	if scalar {
		return aString.example(c.index)
	}
	return whole.String()
}

// partsOfScalars are the characters of JSON numbers and flags: a text of others is
// neither, whatever is put into it.
const partsOfScalars = "0123456789+-.eEtrufals"
