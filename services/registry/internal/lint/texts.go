package lint

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of texts, in characters.
const (
	maxTitle       = 30
	minDescription = 30
	maxDescription = 500
	maxShort       = 80
	maxLong        = 1000
)

// textRules are about titles, summaries and descriptions.
var textRules = []rule{
	{
		"FieldLengthExceeded", fails,
		"the title is longer than 30 characters", "shorten it", onDocument(func(d *swagger, hit report) {
			if n := d.info("title"); length(n.Text()) > maxTitle {
				hit(n)
			}
		}),
	},
	{
		"FieldLengthExceeded", warns,
		"the description is longer than 1000 characters", "shorten it", onOperation(func(o *operation, hit report) {
			if len(o.description) > maxLong && length(o.description) > maxLong {
				hit(o.node.Get("description"))
			}
		}),
	},
	{
		"FieldLengthNotInRange", fails,
		"the description has %d characters; there should be 30 to 500", "let it say what the connector does", onDocument(func(d *swagger, hit report) {
			n := d.info("description")
			if l := length(n.Text()); n != nil && (l < minDescription || l > maxDescription) {
				hit(n, l)
			}
		}),
	},
	{
		"ValueContainsRestrictedWords", fails,
		"the title has the word %q", "use the name of the service", onDocument(restrictedTitle),
	},
	{
		"ValueMustBeInEnglish", warns,
		"the %s is not in English", "write it in English, in Latin letters", onDocument(func(d *swagger, hit report) {
			for _, key := range []string{"title", "description"} {
				if n := d.info(key); !isEnglish(n.Text()) {
					hit(n, key)
				}
			}
		}),
	},
	{
		"ValueMustBeInEnglish", warns,
		"the %s is not in English", "write it in English, in Latin letters", onOperation(func(o *operation, hit report) {
			if !isEnglish(o.summary) {
				hit(o.node.Get("summary"), "summary")
			}
		}),
	},
	{
		"ValueMustEndWithAlphanumeric", fails,
		"the %s ends with %q", "let it end with a letter or a digit", onDocument(func(d *swagger, hit report) { badEnd(d.info("title"), hit) }),
	},
	{
		"ValueMustEndWithAlphanumeric", warns,
		"the %s ends with %q", "let it end with a letter or a digit", onOperation(func(o *operation, hit report) { badEnd(o.node.Get("summary"), hit) }),
	},
	{
		"SummaryMissing", warns,
		"the operation has no summary", "add \"summary\"", onOperation(func(o *operation, hit report) {
			if o.summary == "" && !o.internal {
				hit(o.node)
			}
		}),
	},
	{
		"DescriptionMissing", warns,
		"the operation has no description", "add \"description\"", onOperation(func(o *operation, hit report) {
			if o.description == "" && !o.internal {
				hit(o.node)
			}
		}),
	},
	{
		"SummaryTooLong", warns,
		"the summary is longer than 80 characters", "shorten it", onOperation(func(o *operation, hit report) {
			if n := length(o.summary); n > maxShort && n <= maxSummary {
				hit(o.node.Get("summary"))
			}
		}),
	},
	{
		"SummaryNotSentenceCase", tells,
		"the summary is not in sentence case", "capitalise the first word, and names", onOperation(func(o *operation, hit report) {
			if !sentenceCase(o.summary) {
				hit(o.node.Get("summary"))
			}
		}),
	},
	{
		"SummaryEqualsDescription", warns,
		"summary and description are the same", "let the description say more", onOperation(func(o *operation, hit report) {
			if o.summary != "" && bare(o.summary) == bare(o.description) {
				hit(o.node.Get("description"))
			}
		}),
	},
	{
		"SummaryEqualsDescription", warns,
		"summary and description are the same", "let the description say more", onSchema(func(s *schema, hit report) {
			if s.summary.Is(document.String) && s.summary.Text() != "" && s.description.Is(document.String) &&
				s.summary.Text() == s.description.Text() {
				hit(s.description)
			}
		}),
	},
	{
		"DescriptionNotSentence", tells,
		"the description is no full sentence", "start it with a capital letter and end it with a full stop", onOperation(func(o *operation, hit report) {
			if o.description != "" && !isSentence(o.description) {
				hit(o.node.Get("description"))
			}
		}),
	},
	{
		"TriggerSummaryForm", warns,
		"the summary of a trigger does not start with \"When\"", "write \"When a …\"", onOperation(func(o *operation, hit report) {
			if o.trigger != "" && !o.internal && !strings.HasPrefix(strings.ToLower(o.summary), "when ") {
				hit(o.node)
			}
		}),
	},
	{
		"TriggerDescriptionForm", tells,
		"the description of a trigger does not say when it triggers", "write \"This operation triggers when …\"", onOperation(func(o *operation, hit report) {
			if o.trigger != "" && !o.internal && !strings.HasPrefix(strings.ToLower(o.description), "this operation triggers when") {
				hit(o.node)
			}
		}),
	},
	{
		"IndentationNotFourSpaces", tells,
		"the file is not indented by four spaces", "format it anew", onDocument(func(d *swagger, hit report) {
			if !fourSpaces(string(d.content[:min(len(d.content), 1000)])) {
				hit(d.root)
			}
		}),
	},
	{
		"ParameterSummaryMissing", tells,
		"the parameter %q has no title", "add \"x-ms-summary\"", onParameter(func(p *parameter, hit report) {
			if !p.isReference() && p.in != "body" && !p.internal && p.node.Str("x-ms-summary") == "" && p.name != "" {
				hit(p.node, p.name)
			}
		}),
	},
	{
		"SummaryNotTitleCase", tells,
		"the title %q does not start with a capital letter", "write it in title case", onSchema(func(s *schema, hit report) {
			if !s.summary.Is(document.String) {
				return
			}
			if first, _ := utf8.DecodeRuneInString(s.summary.Text()); unicode.IsLower(first) {
				hit(s.summary, cut(s.summary.Text(), maxShort))
			}
		}),
	},
	{
		"ParameterSummaryTooLong", warns,
		"the title is longer than 80 characters", "shorten it", onSchema(func(s *schema, hit report) {
			if s.summary.Is(document.String) && len(s.summary.Text()) > maxShort && length(s.summary.Text()) > maxShort {
				hit(s.summary)
			}
		}),
	},
}

func (d *swagger) info(key string) *document.Node {
	if n := d.root.Get("info").Get(key); n.Is(document.String) {
		return n
	}
	return nil
}

// restricted are the words that titles do without.
var restricted = []string{
	"api", "connector", "powerapps", "powerautomate", "power apps", "power automate", "power platform", "power bi", "logic apps", "flow",
}

// restrictedWord returns the first word of a title that it should do without.
func restrictedWord(title string) string {
	padded := " " + strings.ToLower(strings.Join(strings.FieldsFunc(title, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), " ")) + " "
	for _, word := range restricted {
		if strings.Contains(padded, " "+word+" ") {
			return word
		}
	}
	return ""
}

func restrictedTitle(d *swagger, hit report) {
	if word := restrictedWord(d.info("title").Text()); word != "" {
		hit(d.info("title"), word)
	}
}

// isEnglish reports whether most letters are Latin: a name in a text may be in
// any script.
func isEnglish(text string) bool {
	letters, foreign := 0, 0
	for _, r := range text {
		if !unicode.IsLetter(r) {
			continue
		}
		letters++
		if !unicode.Is(unicode.Latin, r) {
			foreign++
		}
	}
	return foreign*2 <= letters
}

func badEnd(n *document.Node, hit report) {
	last, _ := utf8.DecodeLastRuneInString(n.Text())
	if n.Is(document.String) && n.Text() != "" && !unicode.IsLetter(last) && !unicode.IsDigit(last) && last != ')' {
		hit(n, n.Key(), string(last))
	}
}

func bare(text string) string {
	return strings.ToLower(strings.TrimRight(strings.TrimSpace(text), "."))
}

// sentenceCase reports whether the first word is capitalised and not every other
// one is.
func sentenceCase(text string) bool {
	words := strings.Fields(text)
	if len(words) == 0 {
		return true
	}
	if first, _ := utf8.DecodeRuneInString(words[0]); unicode.IsLower(first) {
		return false
	}
	return len(words) < 4 || slices.ContainsFunc(words[1:], func(w string) bool {
		r, _ := utf8.DecodeRuneInString(w)
		return unicode.IsLower(r) && len(w) > 3
	})
}

func isSentence(text string) bool {
	text = strings.TrimSpace(text)
	first, _ := utf8.DecodeRuneInString(text)
	return !unicode.IsLower(first) && strings.ContainsAny(text[max(len(text)-2, 0):], ".!?)")
}

// fourSpaces looks at the first line that is indented.
func fourSpaces(head string) bool {
	_, rest, ok := strings.Cut(head, "{")
	rest = strings.TrimLeft(rest, "\r\n")
	if !ok {
		return true // not JSON
	}
	indent := rest[:len(rest)-len(strings.TrimLeft(rest, " \t"))]
	return indent == "    "
}
