package resource

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// fold spells letters of European languages in ASCII, as their readers would.
var fold = strings.NewReplacer(
	"ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "å", "a", "þ", "th", "ð", "d",
	"à", "a", "á", "a", "â", "a", "ã", "a", "ç", "c", "è", "e", "é", "e", "ê", "e", "ë", "e",
	"ì", "i", "í", "i", "î", "i", "ï", "i", "ñ", "n", "ò", "o", "ó", "o", "ô", "o", "õ", "o",
	"ù", "u", "ú", "u", "û", "u", "ý", "y", "ÿ", "y", "ą", "a", "ć", "c", "č", "c", "ď", "d", "ę", "e", "ě", "e",
	"ğ", "g", "ı", "i", "ł", "l", "ń", "n", "ň", "n", "ř", "r", "ś", "s", "š", "s", "ş", "s", "ť", "t", "ů", "u",
	"ź", "z", "ż", "z", "ž", "z", "&", " and ", "'", "", "’", "",
)

// NewID makes an id of a title: "GitHub REST API (v3)" becomes
// "github-rest-api-v3". It is always a valid id, of at most [MaxID] bytes, and
// the same for the same title. A title without a letter or digit that can be
// spelled in ASCII, such as one in Japanese, gets an id made of its hash.
// Different titles may have the same id: whoever creates must check.
func NewID(title string) string {
	var b strings.Builder
	gap := false
	for _, r := range fold.Replace(strings.ToLower(title)) {
		if r < 'a' || r > 'z' {
			if r < '0' || r > '9' {
				gap = true
				continue
			}
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(r)
		if b.Len() > MaxID {
			break
		}
	}
	if b.Len() == 0 {
		h := fnv.New32a()
		_, _ = h.Write([]byte(title)) // a hash cannot fail
		return fmt.Sprintf("id-%08x", h.Sum32())
	}
	id := b.String()
	return strings.TrimRight(id[:min(len(id), MaxID)], "-")
}
