package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"go.yaml.in/yaml/v3"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

const plaintext = "hunter2-correct-horse"

// The shapes in which a secret ends up in a log line: every one of them nests
// it differently, and fmt treats exported and unexported fields differently.
type (
	exported   struct{ Password secret.Text }
	unexported struct{ password secret.Text }
	pointing   struct{ password *secret.Text }
	deep       struct {
		Inner  unexported
		inner  exported
		others map[string]unexported
		list   []secret.Text
		any    any
	}
	tagged struct {
		XMLName  xml.Name    `json:"-"                     yaml:"-" xml:"login"`
		Attr     secret.Text `json:"attr"                  yaml:"attr" xml:"attr,attr"`
		Password secret.Text `json:"password"              yaml:"password" xml:"password"`
	}
)

func shapes() map[string]any {
	s := secret.FromString(plaintext)
	return map[string]any{
		"plain":                        s,
		"pointer":                      &s,
		"exported field":               exported{s},
		"pointer to exported field":    &exported{s},
		"unexported field":             unexported{s},
		"pointer to unexported field":  &unexported{s},
		"pointer in unexported field":  pointing{&s},
		"slice":                        []secret.Text{s},
		"array":                        [1]secret.Text{s},
		"slice of structs":             []unexported{{s}},
		"map value":                    map[string]secret.Text{"k": s},
		"map key":                      map[secret.Text]int{s: 1},
		"interface":                    []any{s, &s},
		"nested unexported everywhere": deep{unexported{s}, exported{s}, map[string]unexported{"k": {s}}, []secret.Text{s}, s},
		"error argument":               fmt.Errorf("login with %v failed", s),
		"closure result":               func() any { return unexported{s} }(),
	}
}

// leaks reports whether out holds the plaintext, or a piece of it, in any of
// the encodings that fmt and the encoders use for bytes.
func leaks(out string) bool {
	for _, piece := range []string{plaintext, plaintext[:6], plaintext[len(plaintext)-6:]} {
		decimals := strings.Trim(fmt.Sprint([]byte(piece)), "[]")
		for _, form := range []string{piece, hex.EncodeToString([]byte(piece)), decimals} {
			if strings.Contains(strings.ToLower(out), form) {
				return true
			}
		}
	}
	return strings.Contains(out, "0x68, 0x75, 0x6e")
}

func TestFmtNeverShowsTheBytes(t *testing.T) {
	verbs := []string{
		"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%#x", "%d", "%c", "%U", "%o", "%b",
		"%t", "%e", "%20s", "%.3s", "%-10v", "%+q", "%T",
	}
	for name, value := range shapes() {
		for _, verb := range verbs {
			t.Run(name+" "+verb, func(t *testing.T) {
				if out := fmt.Sprintf(verb, value); leaks(out) {
					t.Errorf("leaked: %s", out)
				}
			})
		}
		if out := fmt.Sprint(value) + fmt.Sprintln(value); leaks(out) {
			t.Errorf("%s: Sprint leaked: %s", name, out)
		}
	}
}

func TestLeakDetectorSeesALeak(t *testing.T) {
	type naive struct{ password []byte }
	n := naive{[]byte(plaintext)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if !leaks(fmt.Sprintf(verb, n)) {
			t.Errorf("%s of a naive struct was not recognised: %s", verb, fmt.Sprintf(verb, n))
		}
	}
}

func TestRedactedReadsTheSameEverywhere(t *testing.T) {
	s := secret.FromString(plaintext)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%8.2f"} {
		if got := fmt.Sprintf(verb, s); got != "[redacted]" {
			t.Errorf("%s = %q", verb, got)
		}
		if got := fmt.Sprintf(verb, &s); got != "[redacted]" {
			t.Errorf("%s of the pointer = %q", verb, got)
		}
	}
	if s.String() != "[redacted]" || s.GoString() != "[redacted]" {
		t.Errorf("String() = %q, GoString() = %q", s.String(), s.GoString())
	}
	if got := fmt.Sprintf("%+v", exported{s}); got != "{Password:[redacted]}" {
		t.Errorf("as an exported field: %s", got)
	}
	if got := fmt.Sprint(secret.Text{}); got != "[redacted]" {
		t.Errorf("an empty secret tells that it is empty: %q", got)
	}
}

func TestSlogNeverShowsTheBytes(t *testing.T) {
	handlers := map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	}
	for kind, open := range handlers {
		for name, value := range shapes() {
			t.Run(kind+" "+name, func(t *testing.T) {
				var buf bytes.Buffer
				log := slog.New(open(&buf)).With("outer", value)
				log.Info("login", "value", value, slog.Group("g", "inner", value))
				if buf.Len() == 0 || leaks(buf.String()) {
					t.Errorf("leaked or empty: %s", buf.String())
				}
			})
		}
	}
}

func TestEncodersNeverShowTheBytes(t *testing.T) {
	s := secret.FromString(plaintext)
	encoders := map[string]func(any) ([]byte, error){
		"encoding/json": json.Marshal,
		"json v2":       func(v any) ([]byte, error) { return jsonv2.Marshal(v) },
		"encoding/xml":  xml.Marshal,
		"yaml":          yaml.Marshal,
		"gob": func(v any) ([]byte, error) {
			var buf bytes.Buffer
			err := gob.NewEncoder(&buf).Encode(v)
			return buf.Bytes(), err
		},
	}
	for name, encode := range encoders {
		t.Run(name, func(t *testing.T) {
			out, err := encode(tagged{Attr: s, Password: s})
			if err != nil {
				t.Fatal(err)
			}
			if leaks(string(out)) {
				t.Errorf("leaked: %s", out)
			}
			if !strings.Contains(string(out), "[redacted]") {
				t.Errorf("the field is not marked as redacted: %s", out)
			}
		})
	}
	for name, value := range shapes() {
		out, err := json.Marshal(value)
		if err == nil && leaks(string(out)) {
			t.Errorf("json of %s leaked: %s", name, out)
		}
	}
}

func TestUse(t *testing.T) {
	read := func(s secret.Text) (got string) {
		t.Helper()
		if err := s.Use(reveal.Grant(), func(b []byte) error { got = string(b); return nil }); err != nil {
			t.Fatal(err)
		}
		return got
	}
	t.Run("gives the bytes", func(t *testing.T) {
		if got := read(secret.FromString(plaintext)); got != plaintext {
			t.Errorf("got %q", got)
		}
	})
	t.Run("does not share the bytes it was made from", func(t *testing.T) {
		source := []byte(plaintext)
		s := secret.New(source)
		clear(source)
		if got := read(s); got != plaintext {
			t.Errorf("got %q", got)
		}
	})
	t.Run("gives a copy that cannot damage the secret", func(t *testing.T) {
		s := secret.FromString(plaintext)
		_ = s.Use(reveal.Grant(), func(b []byte) error { b[0] = 'X'; return nil })
		if got := read(s); got != plaintext {
			t.Errorf("got %q", got)
		}
	})
	t.Run("clears the copy afterwards", func(t *testing.T) {
		var kept []byte
		_ = secret.FromString(plaintext).Use(reveal.Grant(), func(b []byte) error { kept = b; return nil })
		if !bytes.Equal(kept, make([]byte, len(plaintext))) {
			t.Errorf("kept %q", kept)
		}
	})
	t.Run("clears the copy after a panic", func(t *testing.T) {
		var kept []byte
		func() {
			defer func() { _ = recover() }()
			_ = secret.FromString(plaintext).Use(reveal.Grant(), func(b []byte) error { kept = b; panic("boom") })
		}()
		if len(kept) == 0 || !bytes.Equal(kept, make([]byte, len(plaintext))) {
			t.Errorf("kept %q", kept)
		}
	})
	t.Run("returns the error of the function", func(t *testing.T) {
		boom := errors.New("boom")
		if err := secret.FromString("x").Use(reveal.Grant(), func([]byte) error { return boom }); !errors.Is(err, boom) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("gives nothing for the zero secret", func(t *testing.T) {
		if got := read(secret.Text{}); got != "" {
			t.Errorf("got %q", got)
		}
	})
}

func TestTakenBytesAreTheSecretItself(t *testing.T) {
	b := []byte("correct horse")
	text := secret.Take(b)
	if !text.Equal(secret.FromString("correct horse")) {
		t.Error("it is another secret")
	}
	text.Clear()
	if !bytes.Equal(b, make([]byte, len(b))) {
		t.Errorf("the bytes are %q after Clear", b)
	}
	if !secret.Take(nil).Empty() {
		t.Error("nothing is not empty")
	}
}

func TestWithinIsACopyWithRoomAround(t *testing.T) {
	cleared := secret.FromString("gone")
	cleared.Clear()
	for _, row := range []struct {
		name          string
		text          secret.Text
		before, after int
		want          string
	}{
		{"with room on both sides", secret.FromString("horse"), 3, 16, "\x00\x00\x00horse"},
		{"without room", secret.FromString("horse"), 0, 0, "horse"},
		{"of an empty secret", secret.Text{}, 2, 4, "\x00\x00"},
		{"of a cleared secret", cleared, 2, 4, "\x00\x00"},
	} {
		got := row.text.Within(reveal.Grant(), row.before, row.after)
		if string(got) != row.want || cap(got)-len(got) < row.after {
			t.Errorf("%s: %q with room for %d", row.name, got, cap(got)-len(got))
		}
	}
	text := secret.FromString("horse")
	clear(text.Within(reveal.Grant(), 0, 0))
	if !text.Equal(secret.FromString("horse")) {
		t.Error("the copy is not one")
	}
}

func TestClearEmptiesAllCopies(t *testing.T) {
	s := secret.FromString(plaintext)
	held := exported{s}
	s.Clear()
	s.Clear()
	if !s.Empty() || !held.Password.Empty() {
		t.Error("a copy survived")
	}
	if !s.Equal(secret.Text{}) {
		t.Error("a cleared secret differs from an empty one")
	}
	var zero secret.Text
	zero.Clear()
}

func TestEmptyAndEqual(t *testing.T) {
	tests := []struct {
		name      string
		a, b      secret.Text
		wantEqual bool
		wantEmpty bool // of a
	}{
		{"two empty secrets", secret.Text{}, secret.New(nil), true, true},
		{"empty string and zero value", secret.FromString(""), secret.Text{}, true, true},
		{"same bytes", secret.FromString("abc"), secret.New([]byte("abc")), true, false},
		{"other bytes", secret.FromString("abc"), secret.FromString("abd"), false, false},
		{"a prefix", secret.FromString("abc"), secret.FromString("ab"), false, false},
		{"empty and not", secret.Text{}, secret.FromString("a"), false, true},
		{"bytes that are not text", secret.New([]byte{0, 255}), secret.New([]byte{0, 255}), true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.a.Equal(tt.b); got != tt.wantEqual {
				t.Errorf("a.Equal(b) = %v, want %v", got, tt.wantEqual)
			}
			if got := tt.b.Equal(tt.a); got != tt.wantEqual {
				t.Errorf("b.Equal(a) = %v, want %v", got, tt.wantEqual)
			}
			if !tt.a.Equal(tt.a) {
				t.Error("a differs from itself")
			}
			if got := tt.a.Empty(); got != tt.wantEmpty {
				t.Errorf("a.Empty() = %v, want %v", got, tt.wantEmpty)
			}
		})
	}
}

func TestConcurrentUseAndClear(t *testing.T) {
	s := secret.FromString(plaintext)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				_ = s.Use(reveal.Grant(), func(b []byte) error {
					if got := string(b); got != plaintext && got != "" {
						t.Errorf("torn read %q", got)
					}
					return nil
				})
				_ = s.Equal(s)
			}
		})
	}
	wg.Go(s.Clear)
	wg.Wait()
	if !s.Empty() {
		t.Error("not cleared")
	}
}
