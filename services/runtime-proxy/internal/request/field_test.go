package request_test

import (
	"testing"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

func TestFields(t *testing.T) {
	for name, want := range map[string]bool{
		"X-A": true, "x": true, "1": true, "!#$%&'*+-.^_`|~": true, "": false, " ": false, "a b": false, "a:": false, "a\r\nb": false, "ü": false, "a(": false, "a\x00": false, "a/b": false,
	} {
		if got := request.ValidFieldName(name); got != want {
			t.Errorf("name %q: %v", name, got)
		}
	}
	for text, want := range map[string]bool{
		"": true, "a b": true, "a\tb": true, "ü": true, "\xff": true, "a\rb": false, "a\nb": false, "\x00": false, "\x7f": false, "\x1b[0m": false,
	} {
		if got := request.ValidFieldValue(text); got != want {
			t.Errorf("value %q: %v", text, got)
		}
	}
	for name, want := range map[string]bool{
		"Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Upgrade": true, "Te": true, "Trailer": true, "Keep-Alive": true, "Proxy-Connection": true,
		"Content-Type": false, "Host": false, "Authorization": false, "": false,
	} {
		if got := request.OfTransport(name); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
