package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
)

// Hauled is what one large body took.
type Hauled struct {
	// Bytes is how many arrived at this end: of a download its body, of an upload
	// the answer.
	Bytes int64 `json:"bytes"`
	// Elapsed is the time from the first byte of the request to the last of the
	// answer, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
}

// Haul sends the request of an HTTP target once, with upload zeros as its body
// instead of its own, and reads the answer to the end. The answer must be 200 with
// a body.
func Haul(ctx context.Context, c clock.Clock, t Target, upload int64) (Hauled, error) {
	if t.HTTP == nil {
		return Hauled{}, errors.New("load: only http carries large bodies")
	}
	conn, err := dial(ctx, t.Addr)
	if err != nil {
		return Hauled{}, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	req, err := http.NewRequestWithContext(ctx, t.HTTP.Method, "http://"+t.Addr+t.HTTP.Path, http.NoBody)
	if err != nil {
		return Hauled{}, fmt.Errorf("make request: %w", err)
	}
	if upload > 0 {
		req.Body, req.ContentLength = io.NopCloser(io.LimitReader(baseline.Zeros{}, upload)), upload
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	if t.Token != "" {
		req.Header.Set("Authorization", "Bearer "+t.Token)
	}
	begin := c.Now()
	if err := req.Write(conn); err != nil {
		return Hauled{}, fmt.Errorf("send the body: %w", err)
	}
	res, err := http.ReadResponse(bufio.NewReader(conn), req)
	if err != nil {
		return Hauled{}, fmt.Errorf("read the answer: %w", err)
	}
	size, err := io.Copy(io.Discard, res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return Hauled{}, fmt.Errorf("read the answer: %w", err)
	}
	return Hauled{Bytes: size, Elapsed: c.Now().Sub(begin)}, check(res.StatusCode, size)
}
