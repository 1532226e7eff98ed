package cli

import (
	"strings"
	"testing"
)

func TestATitleStandsBeforeItsText(t *testing.T) {
	for _, row := range []struct{ name, title, text, want string }{
		{"both", "API key", "The key of your account.", "API key: The key of your account."},
		{"a title that ends as a sentence", "API key.", "The key.", "API key: The key."},
		{"a text that begins with it", "Limit", "limit of the page", "limit of the page"},
		{"no title", " ", "The key.", "The key."},
		{"no text", "API key", "", "API key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := titled(row.title, row.text); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestSecretsAreAskedForInTheOrderOfTheCommandLine(t *testing.T) {
	names := []string{"zulu", "alpha", "mike", "yankee", "bravo", "oscar"}
	var args []string
	for _, name := range names {
		args = append(args, name+"=-")
	}
	a := &app{Streams: Streams{In: strings.NewReader("zulu-1\nalpha-1\nmike-1\nyankee-1\nbravo-1\noscar-1\n")}}
	got, err := a.secrets(args)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if got[name] != name+"-1" {
			t.Errorf("%s = %q", name, got[name])
		}
	}
}
