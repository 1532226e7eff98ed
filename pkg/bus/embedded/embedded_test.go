package embedded_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a server in dir; the test closes it.
func start(t *testing.T, opts embedded.Options) *embedded.Server {
	t.Helper()
	opts.Log = testkit.Logger(t)
	s, err := embedded.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// dial returns a JetStream handle that is closed with the test.
func dial(t *testing.T, s *embedded.Server) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestAcknowledgedMessagesAreThereAfterARestart(t *testing.T) {
	for _, row := range []struct {
		name string
		sync embedded.Sync
	}{
		{"with every write on disk before the acknowledgement", embedded.SyncAlways},
		{"with the system's own pace of writing", embedded.SyncInterval},
	} {
		t.Run(row.name, func(t *testing.T) {
			opts := embedded.Options{Dir: filepath.Join(t.TempDir(), "js"), Sync: row.sync}
			first := start(t, opts)
			js := dial(t, first)
			if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
				t.Fatal(err)
			}
			if _, err := js.Publish(t.Context(), "s.a", []byte("kept")); err != nil {
				t.Fatal(err)
			}
			stop(t, first)

			second := start(t, opts)
			defer stop(t, second)
			stream, err := dial(t, second).Stream(t.Context(), "S")
			if err != nil {
				t.Fatal(err)
			}
			m, err := stream.GetLastMsgForSubject(t.Context(), "s.a")
			if err != nil || string(m.Data) != "kept" {
				t.Errorf("message after the restart = %v, %v; want %q", m, err, "kept")
			}
		})
	}
}

func TestServerIsReadyInWellUnderASecond(t *testing.T) {
	begin := time.Now()
	s := start(t, embedded.Options{Dir: t.TempDir()})
	took := time.Since(begin)
	defer stop(t, s)
	if took > time.Second {
		t.Errorf("Start took %v, want well under a second", took)
	}
	t.Logf("ready after %v", took)
}

func TestDirectoryIsForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "js")
	defer stop(t, start(t, embedded.Options{Dir: dir}))
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("mode = %v, %v; want 0700", info.Mode(), err)
	}
}

func TestStoreLimitRefusesStreamsThatCannotFit(t *testing.T) {
	s := start(t, embedded.Options{Dir: t.TempDir(), MaxStore: 1 << 20, MaxMemory: 1 << 20})
	defer stop(t, s)
	js := dial(t, s)
	for _, row := range []struct {
		name     string
		storage  jetstream.StorageType
		maxBytes int64
		fits     bool
	}{
		{"disk at the limit", jetstream.FileStorage, 1 << 20, true},
		{"disk past the limit", jetstream.FileStorage, 1<<20 + 1, false},
		{"memory at the limit", jetstream.MemoryStorage, 1 << 20, true},
		{"memory past the limit", jetstream.MemoryStorage, 1<<20 + 1, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "L", Subjects: []string{"l"}, Storage: row.storage, MaxBytes: row.maxBytes})
			if (err == nil) != row.fits {
				t.Errorf("CreateStream() = %v, want it to fit: %v", err, row.fits)
			}
			if err == nil {
				_ = js.DeleteStream(t.Context(), "L")
			}
		})
	}
}

func TestStartFailsWithTheServersOwnWords(t *testing.T) {
	occupied := filepath.Join(t.TempDir(), "js")
	if err := os.WriteFile(occupied, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blocked := t.TempDir()
	if err := os.WriteFile(filepath.Join(blocked, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	for _, row := range []struct {
		name string
		opts embedded.Options
		want string
	}{
		{"without a directory", embedded.Options{Log: log}, "required"},
		{"without a log", embedded.Options{Dir: t.TempDir()}, "required"},
		{"on a path that is a file", embedded.Options{Dir: occupied, Log: log}, "create the directory"},
		{"on a directory that JetStream cannot use", embedded.Options{Dir: blocked, Log: log}, "start embedded nats in"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := embedded.Start(t.Context(), row.opts)
			if err == nil {
				stop(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Start() = %v, want an error about %q", err, row.want)
			}
		})
	}
}

func TestStartGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // both outcomes of the race must leave nothing behind
		s, err := embedded.Start(ctx, embedded.Options{Dir: t.TempDir(), Log: testkit.Logger(t)})
		if err == nil {
			stop(t, s)
		} else if !errors.Is(err, context.Canceled) {
			t.Fatalf("Start() = %v, want context.Canceled", err)
		}
	}
}

func TestCloseTwiceAndThenNobodyGetsIn(t *testing.T) {
	s := start(t, embedded.Options{Dir: t.TempDir()})
	stop(t, s)
	stop(t, s)
	if nc, err := nats.Connect("", nats.InProcessServer(s)); err == nil {
		nc.Close()
		t.Error("a closed server took a client")
	}
}

func TestServerTalksThroughOurLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	for _, want := range []string{"level=DEBUG", "Server is ready", "part=nats"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if strings.Contains(out.String(), "level=INFO") {
		t.Error("the server's notices reach the info level")
	}
}
