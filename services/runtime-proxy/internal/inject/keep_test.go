package inject_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
)

func TestWhichBodiesAreKept(t *testing.T) {
	for _, tt := range []struct {
		name   string
		use    inject.BodyUse
		size   int
		known  bool
		kept   bool
		reason fault.Reason
	}{
		{"one that nobody needs is not", inject.BodyFree, 10, true, false, ""},
		{"a short one that is wanted", inject.BodyWanted, 10, true, true, ""},
		{"one of no bytes", inject.BodyNeeded, 0, false, true, ""},
		{"the longest one", inject.BodyNeeded, inject.MaxBody, false, true, ""},
		{"a longer one that is wanted is not", inject.BodyWanted, inject.MaxBody + 1, true, false, ""},
		{"a longer one that is wanted, of unknown length, is not", inject.BodyWanted, inject.MaxBody + 1, false, false, ""},
		{"a longer one that is needed is refused", inject.BodyNeeded, inject.MaxBody + 1, true, false, fault.ReasonInputTooLarge},
		{"a longer one that is needed, of unknown length, is refused", inject.BodyNeeded, inject.MaxBody + 1, false, false, fault.ReasonInputTooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			text, length := strings.Repeat("x", tt.size), int64(-1)
			if tt.known {
				length = int64(tt.size)
			}
			body := &closing{Reader: strings.NewReader(text)}
			kept, err := tt.use.Keep(body, length)
			if fault.CodeOf(err) == fault.CodeInternal || (err != nil) != (tt.reason != "") || (err != nil && fault.ReasonOf(err) != tt.reason) {
				t.Fatalf("error = %v", err)
			}
			if err != nil {
				return
			}
			if (kept.Rest == nil) != tt.kept {
				t.Fatalf("kept: %v, want %v", kept.Rest == nil, tt.kept)
			}
			if kept.Rest == nil {
				if string(kept.Content) != text {
					t.Errorf("%d bytes", len(kept.Content))
				}
				return
			}
			all, err := io.ReadAll(kept.Rest)
			if err != nil || string(all) != text {
				t.Errorf("%d bytes of the rest, %v", len(all), err)
			}
			if _ = kept.Rest.Close(); !body.closed {
				t.Error("closing the rest does not close the body")
			}
		})
	}
}

func TestABodyThatBreaksOffIsNotKept(t *testing.T) {
	broken := errors.New("gone")
	_, err := inject.BodyNeeded.Keep(io.NopCloser(iotest.ErrReader(broken)), 5)
	if !errors.Is(err, broken) {
		t.Errorf("error = %v", err)
	}
}

type closing struct {
	io.Reader

	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }
