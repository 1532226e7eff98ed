package inject

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const (
	// Redacted stands where an API repeated a secret.
	Redacted = "[redacted]"
	// minRedacted is the shortest text that is looked for: replacing every "ab"
	// would destroy messages and protect nobody.
	minRedacted = 4
)

// formsOf returns how an API could repeat a value: as it is, encoded for a URL
// in any of the usual spellings, also twice, as part of a JSON string or of XML, in base64,
// also as a part of what is encoded, and in hexadecimal digits.
func formsOf(text secret.Text) (forms []string) {
	_ = text.Use(reveal.Grant(), func(b []byte) error {
		if len(b) < minRedacted {
			return nil
		}
		plain := string(b)
		escaped, query := request.Escape(plain), url.QueryEscape(plain)
		forms = append(forms, plain, escaped, query, lowerTriplets(escaped), lowerTriplets(query),
			base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b),
			hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)))
		forms = append(forms, insideBase64(b)...)
		forms = append(forms, request.Escape(escaped), url.QueryEscape(query), html.EscapeString(plain), escapeNamed(plain))
		if quoted, err := jsontext.AppendQuote(nil, plain); err == nil {
			forms = append(forms, spellings(string(quoted[1:len(quoted)-1]))...)
		}
		return nil
	})
	return forms
}

// escapeNamed escapes what is special in XML by the names that it has there.
func escapeNamed(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(text)
}

// spellings returns how libraries write the inside of a JSON string: as it is, with slashes
// escaped, with what is special in HTML, and with everything that is not ASCII.
func spellings(quoted string) []string {
	escape := func(digits string, special func(rune) bool) string {
		var out strings.Builder
		for _, r := range quoted {
			if !special(r) {
				out.WriteRune(r)
				continue
			}
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&out, `\u`+digits, unit)
			}
		}
		return out.String()
	}
	forms := []string{quoted, strings.ReplaceAll(quoted, "/", `\/`)}
	inHTML := func(r rune) bool { return strings.ContainsRune("<>&'", r) }
	for _, digits := range [...]string{"%04x", "%04X"} {
		ascii := escape(digits, func(r rune) bool { return r >= utf8.RuneSelf })
		forms = append(forms, ascii, strings.ReplaceAll(ascii, "/", `\/`), escape(digits, inHTML),
			escape(digits, func(r rune) bool { return r >= utf8.RuneSelf || inHTML(r) }))
	}
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

// lowerTriplets returns percent-encoded text as servers write it that prefer
// lower-case digits.
func lowerTriplets(escaped string) string {
	if !strings.Contains(escaped, "%") {
		return escaped
	}
	out := []byte(escaped)
	for i := 0; i+2 < len(out); i++ {
		if out[i] == '%' {
			copy(out[i+1:i+3], bytes.ToLower(out[i+1:i+3]))
		}
	}
	return string(out)
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
func (c *Credential) Redact(text string) string {
	c.eachForm(func(form []byte) {
		if contains(text, form) {
			text = strings.ReplaceAll(text, string(form), Redacted)
		}
	})
	return text
}

// Redactor returns [Credential.Redact] without an allocation.
func (c *Credential) Redactor() func(string) string { return c.redact }

// RedactAll redacts all values of a header in place.
func (c *Credential) RedactAll(header map[string][]string) {
	if len(header) == 0 {
		return
	}
	c.eachForm(func(form []byte) {
		for _, values := range header {
			for i, value := range values {
				if contains(value, form) {
					values[i] = strings.ReplaceAll(value, string(form), Redacted)
				}
			}
		}
	})
}

// contains is strings.Contains without a copy of the secret.
func contains(text string, part []byte) bool {
	for len(text) >= len(part) {
		at := strings.IndexByte(text, part[0])
		if at < 0 || at+len(part) > len(text) {
			return false
		}
		if text[at:at+len(part)] == string(part) {
			return true
		}
		text = text[at+1:]
	}
	return false
}
