package http1

import (
	"strings"
	"testing"
)

func TestNothingButOrdinaryHeadsIsTakenForOne(t *testing.T) {
	for _, row := range requests {
		if strings.Contains(row.name, " and then ") || row.name == "a path that is not one" || row.name == "line ends behind a GET" {
			continue // what follows is odd, or what package url finds so
		}
		t.Run(row.name, func(t *testing.T) {
			var h head
			text := []byte(row.text[:min(len(row.text), readSize)])
			if got := h.scan(text); (got == ordinary) != row.ordinary {
				t.Fatalf("the verdict is %d", got)
			}
			if !row.ordinary {
				return
			}
			for n := range h.size { // however little of it is there, it is not odd
				var part head
				if got := part.scan(text[:n]); got != incomplete {
					t.Fatalf("the verdict of %q is %d", text[:n], got)
				}
			}
		})
	}
}

// TestEveryOctetIsInItsPlace: what makes a head odd in each place of it.
func TestEveryOctetIsInItsPlace(t *testing.T) {
	for _, row := range []struct {
		name, before, after string
		taken               func(c byte) bool
	}{
		{"in a path", "GET /a", "b HTTP/1.1\r\nHost: h\r\n\r\n", func(c byte) bool { return c > ' ' && c < 0x7f && c != '#' }},
		{"in a name", "GET / HTTP/1.1\r\nHost: h\r\nX", "X: 1\r\n\r\n", func(c byte) bool {
			return c > ' ' && c < 0x7f && !strings.ContainsRune(`"(),/;<=>?@[\]{}`, rune(c)) // a colon ends it
		}},
		{"in a value", "GET / HTTP/1.1\r\nHost: h\r\nX: 1", "1\r\n\r\n", func(c byte) bool { return c == '\t' || c >= ' ' && c != 0x7f }},
		{"in a host", "GET / HTTP/1.1\r\nHost: h", "h\r\n\r\n", func(c byte) bool {
			return c > ' ' && c < 0x7f && !strings.ContainsRune("\"#/<>?@\\^`{|}", rune(c))
		}},
		{"in a method", "G", "ET / HTTP/1.1\r\nHost: h\r\n\r\n", func(byte) bool { return false }},
		{"in a version", "GET / HTTP/1.1", "\r\nHost: h\r\n\r\n", func(byte) bool { return false }},
		{"in a length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1", "2\r\n\r\n", func(c byte) bool { return c >= '0' && c <= '9' }},
	} {
		t.Run(row.name, func(t *testing.T) {
			for c := range 256 {
				var h head
				got := h.scan([]byte(row.before + string([]byte{byte(c)}) + row.after))
				if (got == ordinary) != row.taken(byte(c)) {
					t.Errorf("%q: the verdict is %d", byte(c), got)
				}
			}
		})
	}
}

func TestNamesBecomeCanonicalAsInNetHTTP(t *testing.T) {
	for given, want := range map[string]string{
		"host": "Host", "X-REQUEST-ID": "X-Request-Id", "etag": "Etag", "a--b": "A--B", "-x": "-X", "x_y-z.w": "X_y-Z.w", "": "",
	} {
		name := []byte(given)
		if canonical(name); string(name) != want {
			t.Errorf("%q became %q, want %q", given, name, want)
		}
	}
}
