package egress_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestAClientLimitsTheBodyAfterDecompression(t *testing.T) {
	var bomb bytes.Buffer
	packer := gzip.NewWriter(&bomb)
	_, _ = packer.Write(make([]byte, 1<<20))
	_ = packer.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	}))
	t.Cleanup(server.Close)

	for limit, fits := range map[int64]bool{1<<20 - 1: false, 1 << 20: true} {
		resp, err := newClient(t, egress.ClientOptions{MaxBody: limit}).Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if fits && (err != nil || len(body) != 1<<20) {
			t.Errorf("limit %d: %d bytes, %v", limit, len(body), err)
		}
		if !fits && fault.ReasonOf(err) != fault.ReasonUpstreamResponseTooLarge {
			t.Errorf("limit %d: got %v, want UPSTREAM_RESPONSE_TOO_LARGE", limit, err)
		}
	}
}

func TestReadSizedReadsWhatIsThereWhateverWasPromised(t *testing.T) {
	for _, row := range []struct {
		name  string
		body  string
		limit int64
		want  fault.Reason
	}{
		{"nothing", "", 4, ""},
		{"below the limit", "abc", 4, ""},
		{"at the limit", "abcd", 4, ""},
		{"one past the limit", "abcde", 4, fault.ReasonUpstreamResponseTooLarge},
		{"far past the limit", strings.Repeat("x", 100_000), 4, fault.ReasonUpstreamResponseTooLarge},
		{"long", strings.Repeat("x", 100_000), 1 << 20, ""},
	} {
		for _, size := range []int64{-1, 0, 1, int64(len(row.body)), int64(len(row.body)) + 5, 1 << 50} {
			for style, reader := range map[string]io.Reader{
				"at once":       strings.NewReader(row.body),
				"byte by byte":  iotest.OneByteReader(strings.NewReader(row.body)),
				"end with data": iotest.DataErrReader(strings.NewReader(row.body)),
			} {
				t.Run(fmt.Sprintf("%s, %d promised, %s", row.name, size, style), func(t *testing.T) {
					got, err := egress.ReadSized(reader, size, row.limit)
					if fault.ReasonOf(err) != row.want {
						t.Fatalf("error %v, want reason %q", err, row.want)
					}
					if want := row.body[:min(len(row.body), int(row.limit))]; string(got) != want {
						t.Errorf("read %d bytes, want %d", len(got), len(want))
					}
				})
			}
		}
	}
	broken := errors.New("broken")
	if got, err := egress.ReadSized(io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(broken)), 9, 10); !errors.Is(err, broken) || string(got) != "abc" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestReadAllStopsAtTheLimit(t *testing.T) {
	tests := []struct {
		name  string
		body  string
		limit int64
		want  fault.Reason
	}{
		{"nothing within nothing", "", 0, ""},
		{"one byte too many for nothing", "x", 0, fault.ReasonUpstreamResponseTooLarge},
		{"below the limit", "abc", 4, ""},
		{"at the limit", "abcd", 4, ""},
		{"one past the limit", "abcde", 4, fault.ReasonUpstreamResponseTooLarge},
		{"far past the limit", strings.Repeat("x", 100_000), 4, fault.ReasonUpstreamResponseTooLarge},
	}
	for _, tt := range tests {
		for style, reader := range map[string]io.Reader{
			"at once":        strings.NewReader(tt.body),
			"byte by byte":   iotest.OneByteReader(strings.NewReader(tt.body)),
			"end with data":  iotest.DataErrReader(strings.NewReader(tt.body)),
			"by half buffer": iotest.HalfReader(strings.NewReader(tt.body)),
		} {
			t.Run(tt.name+", "+style, func(t *testing.T) {
				got, err := egress.ReadAll(reader, tt.limit)
				if fault.ReasonOf(err) != tt.want {
					t.Fatalf("error %v, want reason %q", err, tt.want)
				}
				if want := tt.body[:min(len(tt.body), int(tt.limit))]; string(got) != want {
					t.Errorf("read %d bytes, want %d", len(got), len(want))
				}
			})
		}
	}
	if _, err := egress.ReadAll(iotest.ErrReader(io.ErrUnexpectedEOF), 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a broken body: got %v, want the reader's own error", err)
	}
}
