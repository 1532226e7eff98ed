package intake_test

import (
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/intake"
)

func textOf(t *testing.T, value secret.Text) (text string) {
	t.Helper()
	if err := value.Use(reveal.Grant(), func(b []byte) error { text = string(b); return nil }); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTextsAreKeptAsTheyWereMeant(t *testing.T) {
	const pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
	for title, c := range map[string]struct {
		sent string
		use  intake.Use
		kept string
	}{
		"a key":                             {"abc", intake.Header, "abc"},
		"a key that was pasted":             {" \tabc\r\n", intake.Header, "abc"},
		"a key with a space in it":          {"Bearer abc", intake.Header, "Bearer abc"},
		"a tab, which headers may hold":     {"a\tb", intake.Header, "a\tb"},
		"letters of the world":              {"пароль", intake.Header, "пароль"},
		"bytes that are no text":            {"a\xffb", intake.Header, "a\xffb"},
		"a password with spaces around it":  {" pw ", intake.Password, " pw "},
		"a password with a line break":      {" pw \r\n", intake.Password, " pw "},
		"a private key":                     {"\n" + pem + "\n", intake.Header, pem},
		"a document that reaches no header": {"{\n\"a\": 1\n}\n", intake.Anything, "{\n\"a\": 1\n}"},
		"nothing":                           {"", intake.Header, ""},
	} {
		t.Run(title, func(t *testing.T) {
			sent := secret.FromString(c.sent)
			kept, wrong := intake.Text(sent, c.use)
			if wrong != "" || textOf(t, kept) != c.kept {
				t.Errorf("got %q, %q", textOf(t, kept), wrong)
			}
			if c.sent == c.kept && kept != sent {
				t.Error("it was copied for nothing")
			}
			if textOf(t, sent) != c.sent {
				t.Error("what was sent has changed")
			}
		})
	}
}

func TestTextsThatCannotBeSent(t *testing.T) {
	for title, c := range map[string]struct {
		sent string
		use  intake.Use
		want string
	}{
		"two lines":                  {"canary\ncanary", intake.Header, "control character"},
		"a header of the sender's":   {"canary\r\nX-Admin: true", intake.Header, "control character"},
		"a zero":                     {"canary\x00", intake.Header, "control character"},
		"a delete":                   {"canary\x7f", intake.Password, "control character"},
		"two lines in a password":    {"canary\ncanary", intake.Password, "control character"},
		"whitespace":                 {" \n ", intake.Header, "whitespace"},
		"line breaks for a password": {"\r\n", intake.Password, "whitespace"},
		"whitespace for anything":    {"\n", intake.Anything, "whitespace"},
	} {
		t.Run(title, func(t *testing.T) {
			kept, wrong := intake.Text(secret.FromString(c.sent), c.use)
			if !strings.Contains(wrong, c.want) || !kept.Empty() || strings.Contains(wrong, "canary") {
				t.Errorf("got %q, %q", textOf(t, kept), wrong)
			}
		})
	}
}
