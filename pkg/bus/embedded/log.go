package embedded

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

var _ server.Logger = (*adapter)(nil)

// adapter writes the server's log into ours. Nothing the server logs at the
// levels in use holds message payloads; its trace level does, and is never
// switched on.
type adapter struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal string
}

// Noticef is the server's ordinary talk, a page of it at each start: debug for us.
func (a *adapter) Noticef(format string, v ...any) { a.write(slog.LevelDebug, format, v) }

// Warnf passes a warning on.
func (a *adapter) Warnf(format string, v ...any) { a.write(slog.LevelWarn, format, v) }

// Errorf passes an error on.
func (a *adapter) Errorf(format string, v ...any) { a.write(slog.LevelError, format, v) }

// Fatalf passes an error on and remembers it. The server's own logger would end
// the process here.
func (a *adapter) Fatalf(format string, v ...any) {
	a.write(slog.LevelError, format, v)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fatal == "" {
		a.fatal = fmt.Sprintf(format, v...)
	}
}

// Debugf passes debug talk on.
func (a *adapter) Debugf(format string, v ...any) { a.write(slog.LevelDebug, format, v) }

// Tracef drops protocol traces: they show payloads.
func (a *adapter) Tracef(string, ...any) {}

// fatalMessage returns the first fatal error, or "".
func (a *adapter) fatalMessage() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.fatal
}

func (a *adapter) write(level slog.Level, format string, v []any) {
	if ctx := context.Background(); a.log.Enabled(ctx, level) {
		a.log.Log(ctx, level, fmt.Sprintf(format, v...), "part", "nats") //nolint:sloglint // the server formats its messages itself
	}
}
