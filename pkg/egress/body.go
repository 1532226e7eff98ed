package egress

import (
	"io"
	"net/http"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// ReadAll reads r to its end, if that comes within limit bytes. Past it, the
// error is a [*fault.Error] (ResourceExhausted, UPSTREAM_RESPONSE_TOO_LARGE, with
// the metadata "limit"), and one byte beyond the limit has been taken from r;
// what was read is returned as well. It does not close r.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	return io.ReadAll(&limitedReader{next: r, left: limit, limit: limit})
}

// maxTrusted bounds the memory that is set aside because of a length that somebody
// else promised, in bytes.
const maxTrusted = 1 << 20

// ReadSized is [ReadAll] for content that is said to have size bytes, -1 if that is
// not known. It is only a hint, which saves the growing of memory: for 1 KiB that was
// four pieces instead of one.
func ReadSized(r io.Reader, size, limit int64) ([]byte, error) {
	if size < 0 {
		return ReadAll(r, limit)
	}
	from := &limitedReader{next: r, left: limit, limit: limit}
	out := make([]byte, 0, min(size, maxTrusted)+1) // one more, to see the end
	for {
		n, err := from.Read(out[len(out):cap(out)])
		out = out[:len(out)+n]
		if err == io.EOF { //nolint:errorlint // as io.ReadAll does
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
	}
}

// limitedReader fails where [io.LimitReader] would pretend that the body ended.
type limitedReader struct {
	next        io.Reader
	left, limit int64
}

// Read implements [io.Reader].
func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, tooLarge(l.limit)
	}
	// One byte more than is left tells a body that fits from one that does not.
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.next.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return n - 1, tooLarge(l.limit)
	}
	return n, err
}

func tooLarge(limit int64) error {
	return fault.Exhausted(fault.ReasonUpstreamResponseTooLarge,
		"the answer is longer than the limit of %d bytes; ask for less at a time", limit).
		With("limit", strconv.FormatInt(limit, 10))
}

// limitingTransport puts the limit on every body that a client hands out.
type limitingTransport struct {
	next  *http.Transport
	limit int64
}

// RoundTrip implements [http.RoundTripper].
func (t *limitingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &limitedBody{
		limitedReader: limitedReader{next: resp.Body, left: t.limit, limit: t.limit},
		Closer:        resp.Body,
	}
	return resp, nil
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] looks for.
func (t *limitingTransport) CloseIdleConnections() { t.next.CloseIdleConnections() }

type limitedBody struct {
	limitedReader
	io.Closer
}
