package search

import (
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// tier says how much a place where a word occurs counts.
type tier uint32

// The tiers.
const (
	inDescription tier = 1
	inTag         tier = 2
	inTitle       tier = 3
)

// wordSet collects the words of one connector or operation, each with its best
// tier. A name of several parts is in it as the first part and the rest, with
// [seam] between them.
type wordSet map[string]tier

// seam is where names of several parts are cut. It is in no word.
const seam = "\x00"

// addDescription adds the words of a text, which are not taken apart.
func (s wordSet) addDescription(text string) {
	for word := range runs(text) {
		s.note(fold(word), inDescription)
	}
}

// addName adds the words of a text that is made of names, with their parts.
func (s wordSet) addName(text string, where tier) {
	for word := range runs(text) {
		whole, first := fold(word), ""
		for part := range parts(word) {
			part = fold(part)
			s.note(part, where)
			if first == "" {
				first = part
			}
		}
		// What the first part is found by does not have to find the name as well.
		if rest, ok := strings.CutPrefix(whole, first); ok && first != "" && rest != "" {
			whole = first + seam + rest
		}
		s.note(whole, where)
	}
}

func (s wordSet) note(word string, where tier) {
	if word == "" || len(s) >= maxWords {
		return
	}
	s[word] = max(s[word], where)
}

// queryWords returns the different words of a query, in order of their text.
func queryWords(query string) []string {
	var words []string
	for word := range runs(query) {
		if word = fold(word); word != "" {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	words = slices.Compact(words)
	return words[:min(len(words), maxQueryWords)]
}

// countWords returns how many different words a text has, at most 255.
func countWords(text string) uint8 {
	return uint8(min(len(queryWords(text)), 255)) // #nosec G115 -- bounded
}

// runs yields the words of the first maxText bytes of a text as they are written.
func runs(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		text = text[:min(len(text), maxText)]
		for start, end := 0, 0; start < len(text); start = end {
			start, end = nextRun(text, end)
			if start < end && !yield(text[start:end]) {
				return
			}
		}
	}
}

// nextRun returns where the next word is, from a place on; start is the length of
// the text if there is none.
func nextRun(text string, from int) (start, end int) {
	start = len(text)
	for end = from; end < len(text); {
		r, size := utf8.DecodeRuneInString(text[end:])
		switch {
		case alone(r):
			if start == len(text) {
				return end, end + size
			}
			return start, end
		case unicode.IsLetter(r) || unicode.IsDigit(r) || start < len(text) && unicode.IsMark(r):
			start = min(start, end)
		case start < len(text):
			return start, end
		}
		end += size
	}
	return start, end
}

// alone tells characters that are words by themselves: those of scripts that put
// nothing between words.
func alone(r rune) bool {
	return r >= 0x2e80 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// parts yields what a name like "createHTTPRequest" is made of; nothing if it is
// a single part.
func parts(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, before := 0, rune(0)
		for at, r := range name {
			if at > start && begins(before, r, name[at+utf8.RuneLen(r):]) {
				if !yield(name[start:at]) {
					return
				}
				start = at
			}
			before = r
		}
		if start > 0 {
			yield(name[start:])
		}
	}
}

// begins says whether a part begins with r: at an upper-case letter after any
// other character, and at one before a lower-case letter.
func begins(before, r rune, rest string) bool {
	if !unicode.IsUpper(r) {
		return false
	}
	if !unicode.IsUpper(before) {
		return true
	}
	after, _ := utf8.DecodeRuneInString(rest)
	return unicode.IsLower(after)
}

// fold returns a word in the form in which words are compared: without case and
// diacritics, at most maxWord bytes. It shares memory with word where it can.
func fold(word string) string {
	ascii, lower := true, true
	for i := range len(word) {
		ascii = ascii && word[i] < utf8.RuneSelf
		lower = lower && (word[i] < 'A' || word[i] > 'Z')
	}
	switch {
	case ascii && lower:
	case ascii:
		word = strings.ToLower(word)
	default:
		word = foldRunes(word)
	}
	if len(word) > maxWord {
		word = word[:boundary(word, maxWord)]
	}
	return word
}

// foldRunes folds a word that is more than ASCII: what is left of its compatible
// decomposition without marks, each character in the one form that all of its
// cases share.
func foldRunes(word string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(word) {
		if unicode.IsMark(r) || r == utf8.RuneError {
			continue
		}
		if plain, ok := plainLetters[r]; ok {
			b.WriteString(plain)
			continue
		}
		b.WriteRune(unicode.ToLower(foldCase(r)))
	}
	return b.String()
}

// foldCase returns the smallest of the characters that differ from r by case
// alone, so that "ς", "σ" and "Σ" become one.
func foldCase(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return least
}

// plainLetters are letters with a stroke or of two letters, which do not
// decompose, as people type them without.
var plainLetters = map[rune]string{
	'ß': "ss", 'ẞ': "ss", 'æ': "ae", 'Æ': "ae", 'œ': "oe", 'Œ': "oe", 'ø': "o", 'Ø': "o",
	'đ': "d", 'Đ': "d", 'ð': "d", 'Ð': "d", 'ł': "l", 'Ł': "l", 'þ': "th", 'Þ': "th", 'ı': "i",
}

// boundary returns the last place at or before n where a character of s begins.
func boundary(s string, n int) int {
	if n >= len(s) {
		return len(s)
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}
