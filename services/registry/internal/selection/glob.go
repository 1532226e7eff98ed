package selection

import "strings"

// glob is a compiled pattern: "*" stands for any text without "/", "**" for any
// text. It is a machine whose states are the positions between the literal bytes
// of the pattern, one bit each, so that a match takes one step for each byte of
// the text whatever the pattern is.
type glob struct {
	size int // literal bytes; the state of this number is the end
	// literal says, for a byte, in which states it leads to the next.
	literal map[byte][]uint64
	// star and deep are the states that stay as they are with any byte but "/",
	// or with any byte.
	star, deep []uint64
	prefix     string // what every text starts with
}

// compile makes the machine of a pattern.
func compile(pattern string) *glob {
	size := len(pattern) - strings.Count(pattern, "*")
	words := size/64 + 1
	g := &glob{size: size, literal: map[byte][]uint64{}, star: make([]uint64, words), deep: make([]uint64, words)}
	g.prefix, _, _ = strings.Cut(pattern, "*")
	state := 0
	for i := 0; i < len(pattern); i++ {
		word, bit := state/64, uint64(1)<<(state%64)
		switch c := pattern[i]; {
		case c == '*' && i+1 < len(pattern) && pattern[i+1] == '*':
			g.deep[word] |= bit
			i++
		case c == '*':
			g.star[word] |= bit
		default:
			if g.literal[c] == nil {
				g.literal[c] = make([]uint64, words)
			}
			g.literal[c][word] |= bit
			state++
		}
	}
	return g
}

// match reports whether the pattern stands for the whole text.
func (g *glob) match(text string) bool {
	if !strings.HasPrefix(text, g.prefix) {
		return false
	}
	states := make([]uint64, len(g.deep))
	states[0] = 1
	for i := range len(text) {
		literal, carry := g.literal[text[i]], uint64(0)
		alive := uint64(0)
		for w, s := range states {
			next := s&g.deep[w] | carry
			if text[i] != '/' {
				next |= s & g.star[w]
			}
			carry = 0
			if literal != nil {
				step := s & literal[w]
				next |= step << 1
				carry = step >> 63
			}
			states[w] = next
			alive |= next
		}
		if alive == 0 {
			return false
		}
	}
	return states[g.size/64]&(1<<(g.size%64)) != 0
}
