package inject

import (
	"bytes"
	"fmt"
	"io"
)

// Kept is a body that was kept, or begun to be read and found too long for that.
type Kept struct {
	// Content is the whole body; nil if it was not kept.
	Content []byte
	// Rest is the body, from its beginning, if it was not kept; closing it closes
	// what it was read from.
	Rest io.ReadCloser
}

// Keep reads a body that the proof of a request is made of, or that may have to be
// sent twice. length is its length in bytes, -1 if it is not known. A body of more
// than [MaxBody] bytes is not kept, or is INPUT_TOO_LARGE if there is no proof
// without it.
func (u BodyUse) Keep(body io.ReadCloser, length int64) (Kept, error) {
	switch {
	case u == BodyFree, u == BodyWanted && length > MaxBody:
		return Kept{Rest: body}, nil
	case length > MaxBody:
		return Kept{}, TooLong()
	}
	content, err := io.ReadAll(io.LimitReader(body, MaxBody+1))
	switch {
	case err != nil:
		return Kept{}, fmt.Errorf("read the body to prove it: %w", err)
	case len(content) <= MaxBody:
		return Kept{Content: content}, nil
	case u == BodyNeeded:
		return Kept{}, TooLong()
	}
	return Kept{Rest: begun{io.MultiReader(bytes.NewReader(content), body), body}}, nil
}

// begun is a body that was begun to be read.
type begun struct {
	io.Reader
	io.Closer
}
