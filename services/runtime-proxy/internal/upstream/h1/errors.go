package h1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

// What is wrong with an answer. None of them repeats what the server said: it
// may hold a secret, or a part of one. Their first words are those of net/http.
var (
	errStatusLine    = errors.New("malformed HTTP response: the status line is not one")
	errVersion       = errors.New("malformed HTTP version: not HTTP/1")
	errField         = errors.New("malformed MIME header: a line is not a field")
	errFolded        = errors.New("malformed MIME header: a field goes on in the next line")
	errFieldCount    = errors.New("server response headers exceeded the limit of fields")
	errHeaderSize    = errors.New("server response headers exceeded the limit")
	errLength        = errors.New("bad Content-Length: not one number")
	errLengths       = errors.New("multiple Content-Length values that differ")
	errTwoFramings   = errors.New("malformed HTTP response: both a length and a transfer encoding")
	errEncoding      = errors.New("unsupported transfer encoding")
	errEncodings     = errors.New("too many transfer encodings")
	errOldEncoding   = errors.New("malformed HTTP response: a transfer encoding in HTTP/1.0")
	errTrailer       = errors.New("malformed HTTP response: a trailer that frames the message")
	errTrailerLine   = errors.New("malformed chunked encoding: a line of the trailer ends with a bare LF")
	errInformational = errors.New("unexpected number of informational answers")
	errZip           = errors.New("gzip: invalid, it ends too early")
	errSwitched      = errors.New("unexpected switch of protocols")
)

// What is wrong with a request. Nothing of it was sent.
var (
	errMethod = errors.New("the method of the request is not a token")
	errTarget = errors.New("the target of the request holds bytes that end it")
	errHost   = errors.New("the host of the request holds bytes that no host has")
	errName   = errors.New("a field of the request has a name that is not a token")
	errValue  = errors.New("a field of the request has a value with control characters")
	errShort  = errors.New("the body of the request ended before its length")
	errLong   = errors.New("the body of the request is longer than its length")
)

var (
	// errSpeaks2 means that a server chose HTTP/2.
	errSpeaks2 = errors.New("the server speaks HTTP/2")
	// errClosed is what a body says that was closed.
	errClosed = errors.New("read of an answer's body that was closed")
)

// timeout is a time limit of ours that is over. It is a [net.Error].
type timeout string

func (t timeout) Error() string { return string(t) }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

const (
	errHeaderTimeout timeout = "timeout awaiting response headers"
	errTLSTimeout    timeout = "TLS handshake timeout"
)

var _ net.Error = errHeaderTimeout

// because says why the connection failed: the context's end is the better reason
// if it has ended, for it closes connections.
func because(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errHeaderTimeout
	}
	return err
}

// ended makes the end of a connection in the middle of something an error.
func ended(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("read answer: %w", io.ErrUnexpectedEOF)
	}
	return err
}
