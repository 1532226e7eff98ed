package search

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestTextIsCutIntoWords(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"only punctuation", " -/_. ", nil},
		{"a sentence", "Returns all users, sorted.", []string{"Returns", "all", "users", "sorted"}},
		{"a path with parameters", "/v1/users/{user_id}", []string{"v1", "users", "user", "id"}},
		{"letters with separate accents stay together", "cafe\u0301 bar", []string{"cafe\u0301", "bar"}},
		{"an accent without a letter is no word", "\u0301 x", []string{"x"}},
		{"scripts without spaces give one word for each character", "ABC漢字かな", []string{"ABC", "漢", "字", "か", "な"}},
		{"bytes that are no text separate", "a\xffb", []string{"a", "b"}},
		{"other scripts", "Привет мир", []string{"Привет", "мир"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, slices.Collect(runs(row.text))); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNamesHaveParts(t *testing.T) {
	for _, row := range []struct {
		name string
		want []string
	}{
		{"create", nil},
		{"CREATE", nil},
		{"Create", nil},
		{"createInvoice", []string{"create", "Invoice"}},
		{"GetHTTPRequest", []string{"Get", "HTTP", "Request"}},
		{"parseJSON", []string{"parse", "JSON"}},
		{"OAuth2Token", []string{"O", "Auth2", "Token"}},
		{"v2Users", []string{"v2", "Users"}},
		{"überGröße", []string{"über", "Größe"}},
		{"a", nil},
		{"", nil},
	} {
		if diff := cmp.Diff(row.want, slices.Collect(parts(row.name))); diff != "" {
			t.Errorf("parts of %q (-want +got):\n%s", row.name, diff)
		}
	}
}

func TestWordsAreComparedWithoutCaseAndDiacritics(t *testing.T) {
	for _, row := range []struct{ name, want string }{
		{"plain", "plain"},
		{"MiXed", "mixed"},
		{"Émigré", "emigre"},
		{"cafe\u0301", "cafe"},
		{"Straße", "strasse"},
		{"ŁÓDŹ", "lodz"},
		{"İstanbul", "istanbul"},
		{"ﬁle", "file"},
		{"ＡＢＣ", "abc"},
		{"Kelvin", "kelvin"}, // the sign of the unit
		{"ΣΊΣΥΦΟΣ", fold("σίσυφος")},
		{"Ærø", "aero"},
		{strings.Repeat("x", 100), strings.Repeat("x", maxWord)},
	} {
		if got := fold(row.name); got != row.want {
			t.Errorf("fold(%q) = %q, want %q", row.name, got, row.want)
		}
	}
	if got := fold(strings.Repeat("х", 100)); len(got) > maxWord || !utf8.ValidString(got) {
		t.Errorf("a long word of another script becomes %q", got)
	}
}

func TestWordsKeepTheirBestPlace(t *testing.T) {
	s := wordSet{}
	s.addDescription("Create an invoice")
	s.addName("createInvoice", inTitle)
	s.addName("invoice", inTag)
	want := wordSet{"create": inTitle, "an": inDescription, "invoice": inTitle, "create" + seam + "invoice": inTitle}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("words (-want +got):\n%s", diff)
	}
}

func TestTextOfAnyLengthGivesBoundedWords(t *testing.T) {
	var long strings.Builder
	for i := range 40_000 {
		long.WriteString(" w" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676%26)))
	}
	s := wordSet{}
	s.addDescription(long.String())
	if len(s) > maxWords {
		t.Errorf("%d words", len(s))
	}
	if got := queryWords(long.String()); len(got) != maxQueryWords {
		t.Errorf("%d words of a query", len(got))
	}
}

func FuzzWords(f *testing.F) {
	for _, seed := range []string{"", "createInvoice", "Straße 漢字", "\xff\xfe", "ΑΙ\u0345"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := wordSet{}
		s.addName(text, inTitle)
		plain := map[string]bool{}
		for word := range maps.Keys(s) {
			plain[strings.ReplaceAll(word, seam, "")] = true
			if len(word) > maxWord+len(seam) || word == "" || !utf8.ValidString(word) {
				t.Errorf("word %q of %q", word, text)
			}
		}
		for _, word := range queryWords(text) {
			if !plain[word] && len(s) < maxWords {
				t.Errorf("%q of the query %q is not among the words of the same text", word, text)
			}
		}
	})
}
