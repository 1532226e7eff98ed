package h1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/textproto"
	"strings"
)

const (
	// maxFields bounds the fields of an answer, and those of its trailer: each
	// takes far more memory than its bytes.
	maxFields = 1000
	// maxDigits bounds a Content-Length: 18 digits fit into an int64.
	maxDigits = 18
)

// readHead appends a status line, and the lines after it up to and with an empty
// one, to block, which then has at most limit bytes. What cannot be an answer is
// not waited for.
func readHead(in *bufio.Reader, block []byte, limit int) ([]byte, error) {
	block, err := readLine(in, block, limit)
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && parseStatus(string(block), new(http.Response)) != nil:
		return block, errStatusLine
	case err != nil:
		return block, err
	case !bytes.HasPrefix(block, []byte("HTTP/")):
		return block, errStatusLine
	}
	return readBlock(in, block, limit)
}

// readBlock appends lines up to and with an empty one.
func readBlock(in *bufio.Reader, block []byte, limit int) ([]byte, error) {
	for {
		start := len(block)
		var err error
		if block, err = readLine(in, block, limit); err != nil {
			return block, err
		}
		if n := len(block) - start; n == 1 || (n == 2 && block[start] == '\r') {
			return block, nil
		}
	}
}

// readLine appends a line with its end.
func readLine(in *bufio.Reader, block []byte, limit int) ([]byte, error) {
	for {
		piece, err := in.ReadSlice('\n')
		block = append(block, piece...)
		switch {
		case len(block) > limit:
			return block, errHeaderSize
		case err == nil:
			return block, nil
		case !errors.Is(err, bufio.ErrBufferFull): // full, the line goes on
			return block, ended(err)
		}
	}
}

// cutLine cuts a line off. A bare LF ends one, too (RFC 9112, section 2.2), as
// net/http and other proxies have it; a bare CR stays and is refused by those
// who look at the line.
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// parseHead parses a status line and the fields after it into an answer.
func parseHead(text string, resp *http.Response) error {
	line, rest := cutLine(text)
	if err := parseStatus(line, resp); err != nil {
		return err
	}
	var err error
	resp.Header, err = parseFields(rest)
	return err
}

// parseStatus parses "HTTP/1.1 200 OK" (RFC 9112, section 4). The reason may be
// missing, with or without its space.
func parseStatus(line string, resp *http.Response) error {
	const least = len("HTTP/1.1 200")
	switch {
	case len(line) < least || line[:5] != "HTTP/" || line[8] != ' ':
		return errStatusLine
	case line[5:7] != "1." || line[7] < '0' || line[7] > '9':
		return errVersion
	case len(line) > least && line[least] != ' ', !valueBytes.all(line):
		return errStatusLine
	}
	status := 0
	for _, c := range []byte(line[9:least]) {
		if c < '0' || c > '9' {
			return errStatusLine
		}
		status = 10*status + int(c-'0')
	}
	if status < 100 {
		return errStatusLine
	}
	resp.StatusCode, resp.Status = status, line[9:]
	resp.Proto, resp.ProtoMajor, resp.ProtoMinor = line[:8], 1, int(line[7]-'0')
	return nil
}

// parseFields parses fields up to an empty line. Their names become canonical.
func parseFields(text string) (http.Header, error) {
	lines := strings.Count(text, "\n") - 1 // the last is empty
	if lines > maxFields {
		return nil, errFieldCount
	}
	header := make(http.Header, lines)
	values := make([]string, lines) // one piece for all
	for {
		var line string
		if line, text = cutLine(text); line == "" {
			return header, nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			return nil, errFolded
		}
		name, value, ok := strings.Cut(line, ":")
		if value = trim(value); !ok || !isToken(name) || !valueBytes.all(value) {
			return nil, errField
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		if before := header[name]; before != nil {
			header[name] = append(before, value)
			continue
		}
		values[0] = value
		header[name], values = values[:1:1], values[1:]
	}
}

// framing is how an answer's body ends.
type framing int

const (
	noBody framing = iota
	byLength
	byChunks
	byClose
)

// frame works out where the body of an answer to a method ends (RFC 9112, section
// 6.3), and moves what says it from the header into the fields of resp. What two
// readers might understand in two ways is refused.
func frame(resp *http.Response, method string) (framing, error) {
	length, err := contentLength(resp.Header)
	if err != nil {
		return 0, err
	}
	chunked, err := isChunked(resp, length >= 0)
	if err != nil {
		return 0, err
	}
	resp.Close = closes(resp)
	resp.ContentLength = length
	if chunked {
		resp.TransferEncoding = []string{"chunked"}
		if err := announceTrailer(resp); err != nil {
			return 0, err
		}
	}
	empty := resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusNotModified
	switch {
	case method == http.MethodHead:
		return noBody, nil
	case empty:
		resp.ContentLength = 0
		return noBody, nil
	case chunked:
		return byChunks, nil
	case length == 0:
		return noBody, nil
	case length > 0:
		return byLength, nil
	}
	resp.Close = true
	return byClose, nil
}

// contentLength returns the length that the header says, -1 if none. The same one
// several times is one.
func contentLength(header http.Header) (int64, error) {
	lines, ok := header["Content-Length"]
	if !ok {
		return -1, nil
	}
	for _, line := range lines[1:] {
		if line != lines[0] {
			return 0, errLengths
		}
	}
	if len(lines) > 1 {
		header["Content-Length"] = lines[:1]
	}
	if lines[0] == "" || len(lines[0]) > maxDigits {
		return 0, errLength
	}
	n := int64(0)
	for _, c := range []byte(lines[0]) {
		if c < '0' || c > '9' {
			return 0, errLength
		}
		n = 10*n + int64(c-'0')
	}
	return n, nil
}

func isChunked(resp *http.Response, hasLength bool) (bool, error) {
	lines, ok := resp.Header["Transfer-Encoding"]
	if !ok {
		return false, nil
	}
	delete(resp.Header, "Transfer-Encoding")
	switch {
	case resp.ProtoMinor == 0:
		return false, errOldEncoding
	case len(lines) != 1:
		return false, errEncodings
	case !strings.EqualFold(lines[0], "chunked"):
		return false, errEncoding
	case hasLength:
		return false, errTwoFramings
	}
	return true, nil
}

// closes reports whether the server closes the connection after an answer (RFC
// 9112, section 9.3).
func closes(resp *http.Response) bool {
	lines := resp.Header["Connection"]
	return hasToken(lines, "close") || (resp.ProtoMinor == 0 && !hasToken(lines, "keep-alive"))
}

// announceTrailer makes the names in the Trailer field keys of the trailer, as
// net/http does.
func announceTrailer(resp *http.Response) error {
	lines, ok := resp.Header["Trailer"]
	if !ok {
		return nil
	}
	delete(resp.Header, "Trailer")
	trailer := http.Header{}
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.CanonicalMIMEHeaderKey(trim(name)); name != "" {
				trailer[name] = nil
			}
		}
	}
	if len(trailer) > maxFields {
		return errFieldCount
	}
	if len(trailer) > 0 {
		resp.Trailer = trailer
	}
	return checkTrailer(trailer)
}

// framingFields are those that frame a message.
var framingFields = [...]string{"Transfer-Encoding", "Content-Length", "Trailer"}

func checkTrailer(trailer http.Header) error {
	for _, name := range framingFields {
		if _, ok := trailer[name]; ok {
			return errTrailer
		}
	}
	return nil
}

// readTrailer reads what follows the last chunk into resp.
func readTrailer(in *bufio.Reader, resp *http.Response, limit int) error {
	if end, err := in.Peek(2); err == nil && string(end) == "\r\n" {
		_, _ = in.Discard(2)
		return nil
	} else if err != nil {
		return ended(err)
	}
	block, err := readBlock(in, nil, limit)
	if err != nil {
		return err
	}
	if bytes.Count(block, []byte("\n")) != bytes.Count(block, []byte("\r\n")) {
		return errTrailerLine
	}
	fields, err := parseFields(string(block))
	if err != nil {
		return err
	}
	for _, name := range framingFields {
		delete(fields, name) // too late to mean anything
	}
	if resp.Trailer == nil {
		resp.Trailer = fields
		return nil
	}
	maps.Copy(resp.Trailer, fields)
	return nil
}
