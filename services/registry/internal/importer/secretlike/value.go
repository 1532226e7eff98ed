package secretlike

import (
	"regexp"
	"strings"
)

// known matches credentials that their issuers or their syntax make
// recognisable.
var known = regexp.MustCompile(strings.Join([]string{
	`eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*`,        // JSON web tokens
	`\b(?:sk|rk|pk|whsec)_(?:live|test)_\w{4,}`,   // Stripe
	`\bwhsec_[\w+/=]{16,}`,                        // webhooks
	`\bgh[pousr]_\w{20,}`, `\bgithub_pat_\w{20,}`, // GitHub
	`\bglpat-[\w-]{16,}`,                            // GitLab
	`\bxox[abeoprs]-[\w-]{8,}`, `\bxapp-[\w-]{16,}`, // Slack
	`/services/T[0-9A-Z]+/B[0-9A-Z]+/\w+`,   // Slack's hooks
	`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`,         // AWS
	`\bAIza[\w-]{16,}`, `\bya29\.[\w-]{8,}`, // Google
	`\bSG\.[\w-]{8,}\.[\w-]{8,}`,                    // SendGrid
	`\bshp(?:at|ca|pa|ss)_\w{16,}`, `\bnpm_\w{20,}`, // Shopify, npm
	`\bsk-[\w-]{16,}`, `\bdop_v1_\w{20,}`, // OpenAI, DigitalOcean
	`\d{6,12}:[\w-]{20,}`,                                       // Telegram
	`-----BEGIN[^-]*-----[^-]*(?:-----END[^-]*-----)?`,          // PEM
	`\b[a-zA-Z][\w+.-]{1,15}://[^\s/@:{}<>"']*:[^\s/@{}<>"']+@`, // URLs with a password
}, "|"))

// knownMarks are in everything that known matches, and quickly looked for.
var knownMarks = []string{
	"eyJ", "_live_", "_test_", "whsec_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-", "/services/T",
	"AKIA", "ASIA", "AIza", "ya29.", "SG.", "shpat_", "shpca_", "shppa_", "shpss_", "npm_", "sk-", "dop_v1_", "-----BEGIN", ":",
}

// schemed matches what may be an Authorization header.
var schemed = regexp.MustCompile(`(?i)\b(?:bearer|basic|token|ssws|apikey|digest)[ :]+([\w+/=.~-]{8,})`)

func mayBeKnown(s string) bool {
	for _, mark := range knownMarks {
		if strings.Contains(s, mark) {
			return true
		}
	}
	return false
}

// Value reports whether there is a credential in a value, whatever it is called:
// one of a known issuer, one behind the name of a scheme, a key in PEM, a URL
// with a password, or a long random word.
func Value(v string) bool {
	if mayBeKnown(v) && known.MatchString(v) {
		return true
	}
	for _, m := range schemed.FindAllStringSubmatchIndex(v, -1) {
		if isOpaque(v[m[2]:m[3]]) {
			return true
		}
	}
	if isRandom(v) { // with the slashes of base64
		return !strings.HasPrefix(v, "/")
	}
	found := false
	eachWord(v, func(from, to int) { found = found || isRandom(v[from:to]) })
	return found
}

// The lengths of words that are random.
const (
	minWordBytes = 24
	// minPlainBytes is that of words without capital letters.
	minPlainBytes = 32
	// maxWordBytes is the greatest length; what is longer is a file.
	maxWordBytes = 512
)

// files are what the Base64 of well-known kinds of files starts with.
var files = []string{"iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "PHN2Zy", "JVBERi0", "UEsDB", "PD94bW"}

// isRandom reports whether a word is long and changes between kinds of
// characters more often than words that somebody has thought of.
func isRandom(w string) bool {
	if len(w) < minWordBytes || len(w) > maxWordBytes || isHex(w) {
		return false
	}
	for _, start := range files {
		if strings.HasPrefix(w, start) {
			return false
		}
	}
	var counts [classes]int
	changes, before := 0, separator
	for i := range len(w) {
		c := classOf(w[i])
		if c == other {
			return false
		}
		counts[c]++
		if c != before && c != separator && before != separator {
			changes++
		}
		before = c
	}
	if counts[lower] > 0 && counts[upper] > 0 && counts[digit] > 0 {
		return changes*3 >= len(w)
	}
	return len(w) >= minPlainBytes && counts[digit] >= 5 && counts[lower]+counts[upper] >= 5 && changes*4 >= len(w)
}

// class is a kind of characters.
type class int

const (
	separator class = iota
	lower
	upper
	digit
	other
	classes
)

func classOf(c byte) class {
	switch {
	case c >= 'a' && c <= 'z':
		return lower
	case c >= 'A' && c <= 'Z':
		return upper
	case c >= '0' && c <= '9':
		return digit
	case strings.IndexByte("_-=+/", c) >= 0:
		return separator
	}
	return other
}

// isHex reports whether a word is a hexadecimal number or a UUID.
func isHex(w string) bool {
	for i := range len(w) {
		c := w[i]
		isDigit := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if !isDigit && c != '-' {
			return false
		}
	}
	return w != ""
}

// isOpaque reports whether a word says nothing to people: it has digits or signs
// of base64, or a capital letter in its middle.
func isOpaque(w string) bool {
	small := false
	for i := range len(w) {
		switch c := classOf(w[i]); {
		case c == digit, w[i] == '=', w[i] == '+', c == upper && small:
			return true
		case w[i] <= ' ':
			return false
		default:
			small = small || c == lower
		}
	}
	return false
}

// eachWord calls f for the words of a text that may be random. Slashes and dots
// end words here, so that paths and host names are none.
func eachWord(s string, f func(from, to int)) {
	from := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '/' && classOf(s[i]) != other {
			continue
		}
		if i-from >= minWordBytes {
			f(from, i)
		}
		from = i + 1
	}
}
