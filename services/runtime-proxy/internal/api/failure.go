package api

import (
	"fmt"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// What of a log goes along with an error: metadata gets through with 32 values of
// 512 bytes, and the trailers that it travels in are bounded by proxies.
const (
	failureLogs = 16
	failureLine = 480
)

// withLogs adds what custom code logged to the error of a call: the metadata
// "log_01" and so on are the last lines with their levels, "log_lines_left_out" is
// how many there were before them.
func withLogs(err error, c *pipeline.Call) error {
	lines := c.Logs
	if len(lines) == 0 {
		return err
	}
	f := grpcx.FromStatus(err)
	left := max(len(lines)-failureLogs, 0)
	lines = lines[left:]
	if n := left + c.Dropped; n > 0 {
		f = f.With("log_lines_left_out", strconv.Itoa(n))
	}
	for n, line := range lines {
		text := string(line.Level) + " " + line.Text
		f = f.With(fmt.Sprintf("log_%02d", n+1), valid(cut(text, failureLine)))
	}
	return f
}
