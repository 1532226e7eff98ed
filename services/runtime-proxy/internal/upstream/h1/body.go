package h1

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"sync"
)

// body is the body of an answer. Close may be called while Read waits.
type body struct {
	mu      sync.Mutex
	x       *exchange
	framing framing
	left    int64     // by length
	chunks  io.Reader // by chunks
	err     error     // of all reads to come; nil while there is more
}

// Read implements [io.Reader]. The last bytes may come with [io.EOF].
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.read(p)
	if err == nil {
		return n, nil
	}
	b.err = err
	if !errors.Is(err, io.EOF) || !b.atEnd(err) {
		b.err = because(b.x.ctx, ended(err))
		b.x.finish(false)
		return n, b.err
	}
	b.x.finish(b.framing != byClose)
	return n, io.EOF
}

// atEnd tells the end of the body from that of the connection.
func (b *body) atEnd(err error) bool { return err == io.EOF } //nolint:errorlint // wrapped, it is another end

func (b *body) read(p []byte) (int, error) {
	in := b.x.buffers.in
	switch b.framing {
	case byLength:
		if int64(len(p)) > b.left {
			p = p[:b.left]
		}
		n, err := in.Read(p)
		if b.left -= int64(n); b.left == 0 {
			return n, io.EOF
		}
		return n, ended(err)
	case byChunks:
		n, err := b.chunks.Read(p)
		if err == io.EOF { // of the reader's own
			if failed := readTrailer(in, &b.x.response, b.x.maxHeader); failed != nil {
				return n, failed
			}
		}
		return n, err
	case byClose, noBody:
	}
	return in.Read(p)
}

// Close implements [io.Closer]. A connection whose body was not read to its end is
// closed, unless the rest is there already.
func (b *body) Close() error {
	if !b.mu.TryLock() {
		b.x.conn.hangUp() // somebody reads, and will find out why
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err != nil {
		return nil
	}
	b.err = errClosed
	reusable := b.framing == byLength && b.left <= int64(b.x.buffers.in.Buffered())
	if reusable {
		_, _ = b.x.buffers.in.Discard(int(b.left))
	}
	b.x.finish(reusable)
	return nil
}

// unzipped is a body that was compressed because we asked for it.
type unzipped struct {
	io.Closer

	from complete
	zip  *gzip.Reader // nil before the first read
	err  error
}

// Read implements [io.Reader].
func (u *unzipped) Read(p []byte) (int, error) {
	if u.err == nil && u.zip == nil {
		u.zip, u.err = gzip.NewReader(&u.from)
	}
	if u.err != nil {
		return 0, u.explain(u.err)
	}
	n, err := u.zip.Read(p)
	return n, u.explain(err)
}

// explain tells content that ends too early from a connection that does.
func (u *unzipped) explain(err error) error {
	if u.from.ended && errors.Is(err, io.ErrUnexpectedEOF) {
		return errZip
	}
	return err
}

// complete notes whether a body was read to its proper end.
type complete struct {
	io.Reader

	ended bool
}

// Read implements [io.Reader].
func (c *complete) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.ended = c.ended || errors.Is(err, io.EOF)
	return n, err
}

// unzip makes a compressed answer a plain one.
func unzip(resp *http.Response) {
	resp.Body = &unzipped{Closer: resp.Body, from: complete{Reader: resp.Body}}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	resp.ContentLength = -1
	resp.Uncompressed = true
}
