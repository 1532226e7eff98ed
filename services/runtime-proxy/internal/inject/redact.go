package inject

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

const (
	// Redacted stands where an API repeated a secret.
	Redacted = "[redacted]"
	// minRedacted is the shortest text that is looked for: replacing every "ab"
	// would destroy messages and protect nobody.
	minRedacted = 4
)

// formsOf returns how an API could repeat a value, apart from escapes, which are undone
// where there are any (unescape.go): as it is, with the spaces of a form, in base64, also
// as a part of what is encoded, and in hexadecimal digits.
func formsOf(text secret.Text) (forms []string) {
	_ = text.Use(reveal.Grant(), func(b []byte) error {
		if len(b) < minRedacted {
			return nil
		}
		plain := string(b)
		forms = append(forms, plain, strings.ReplaceAll(plain, " ", "+"),
			base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
			hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)))
		forms = append(forms, insideBase64(b)...)
		for _, e := range escapings { // a secret may look escaped itself, and be undone with the text
			if u, ok := e.undo(plain); ok && len(u.text) >= minRedacted {
				forms = append(forms, u.text)
			}
		}
		return nil
	})
	return forms
}

// minInside is the shortest part of base64 that is looked for: shorter ones are in any
// picture.
const minInside = 8

// insideBase64 returns what base64 of a longer text has for a part of it, such as the
// password of "user:password": it depends on how many bytes come before, modulo three.
// The characters at both ends that also depend on what is beside it are left out.
func insideBase64(part []byte) (forms []string) {
	const bitsOfByte, bitsOfCharacter = 8, 6
	for before := range 3 {
		text := append(make([]byte, before, before+len(part)), part...)
		first := (before*bitsOfByte + bitsOfCharacter - 1) / bitsOfCharacter
		last := len(text) * bitsOfByte / bitsOfCharacter
		if last-first >= minInside {
			forms = append(forms, base64.RawStdEncoding.EncodeToString(text)[first:last], base64.RawURLEncoding.EncodeToString(text)[first:last])
		}
		clear(text)
	}
	return forms
}

// addForms notes the forms of all values. They become one secret, so that looking
// through them opens one: four bytes of length before each form.
func (c *Credential) addForms() {
	var forms []string
	for _, text := range c.values {
		forms = append(forms, formsOf(text)...)
	}
	// The longest first: no form may leave a part of another behind, be it of the
	// same secret or of one that begins alike.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var list []byte
	defer func() { clear(list) }()
	for _, form := range slices.Compact(forms) {
		list = binary.BigEndian.AppendUint32(list, uint32(len(form)))
		list = append(list, form...)
	}
	c.forms = secret.New(list)
}

// eachForm calls f for each form, which f must not keep.
func (c *Credential) eachForm(f func(form []byte)) {
	_ = c.forms.Use(reveal.Grant(), func(list []byte) error {
		for len(list) > 4 {
			size := int(binary.BigEndian.Uint32(list))
			f(list[4 : 4+size])
			list = list[4+size:]
		}
		return nil
	})
}

// Redact returns text without the secrets of the credential: each occurrence of
// at least four bytes, as it is or encoded in one of the usual ways, becomes
// "[redacted]".
func (c *Credential) Redact(text string) string { return redact(text, c.eachForm) }

// redact takes forms out of a text.
func redact(text string, each func(func(form []byte))) string {
	if escapes(text) {
		return redactEscaped(text, each)
	}
	each(func(form []byte) {
		if index(text, form) >= 0 {
			text = strings.ReplaceAll(text, string(form), Redacted)
		}
	})
	return text
}

// Redactor returns [Credential.Redact] without an allocation.
func (c *Credential) Redactor() func(string) string { return c.redact }

// RedactAll redacts all values of a header in place.
func (c *Credential) RedactAll(header map[string][]string) {
	if len(header) == 0 || c.forms.Empty() {
		return
	}
	for _, values := range header {
		for i, value := range values {
			if escapes(value) {
				values[i] = redactEscaped(value, c.eachForm)
			}
		}
	}
	c.eachForm(func(form []byte) {
		for _, values := range header {
			for i, value := range values {
				if index(value, form) >= 0 {
					values[i] = strings.ReplaceAll(value, string(form), Redacted)
				}
			}
		}
	})
}

// index is strings.Index without a copy of the secret.
func index(text string, part []byte) int {
	for from := 0; len(text)-from >= len(part); from++ {
		at := strings.IndexByte(text[from:], part[0])
		if at < 0 || from+at+len(part) > len(text) {
			return -1
		}
		if from += at; text[from:from+len(part)] == string(part) {
			return from
		}
	}
	return -1
}
