package requestlog

import (
	"strings"
	"testing"
	"time"
)

// An API decides what is redacted: it must not be able to make that take long. What is
// tried is eight times as long as what a tap reads; where the time grew with the square
// of that, it would be minutes.
func TestTheTimeGrowsWithTheText(t *testing.T) {
	const size, most = 8 * MaxCapture, 5 * time.Second
	many := func(text string) string { return strings.Repeat(text, size/len(text)) }
	for name, text := range map[string]string{
		"slashes after an at sign":              "@" + many("//"),
		"addresses before an at sign":           many("x://a/") + "@",
		"addresses that have no user":           many("//a:b") + " @",
		"names of secrets in prose":             many("x pass:"),
		"names of secrets with values":          many("x pass="),
		"names of secrets after a quote":        many("x 'pass=&"),
		"values before the name of a secret":    `{` + many(`"v":1,`) + `"name":"password"}`,
		"lists before the name of a secret":     `{` + many(`"v":[`) + `"name":"password"`,
		"objects that are secrets":              many(`{"token":`),
		"texts in texts":                        many("%252B%252525+"),
		"tags that are secrets and do not end":  many("<password><x>"),
		"texts of tags that do not end":         "<x>" + many("<![CDATA["),
		"attributes whose quotes are not ended": many("<a b='"),
		"quotes":                                many(`\"`),
		"names of schemes":                      many("bearer or "),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			newRedactor(newWords(), redactOurs, nil).said(text, 0)
			if took := time.Since(start); took > most {
				t.Errorf("%d bytes took %v", len(text), took)
			}
		})
	}
}
