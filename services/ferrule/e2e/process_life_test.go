package e2e_test

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// The promises are 2 s and 100 MiB. The bounds are wider, so that a busy machine
// does not fail the test; the log has the figures.
const (
	longestStart = 5 * time.Second
	largestIdle  = 150 << 20
	// idleFor is how long the process must not have grown to be idle.
	idleFor = time.Second
)

func TestItStartsFastAndIdlesSmall(t *testing.T) {
	s := up(t, suiteOptions{data: t.TempDir()})
	t.Logf("ready after %v on an empty directory", s.startup.Round(time.Millisecond))
	if s.startup > longestStart {
		t.Errorf("ready after %v, want less than %v", s.startup, longestStart)
	}
	if got := s.request(t, "GET", "/readyz", "", ""); got.status != 200 {
		t.Errorf("it says that it is ready and /readyz answers %d: %s", got.status, got.body)
	}
	size, ok := resident(s.cmd.Process.Pid)
	if !ok {
		t.Skip("this system does not tell the memory of a process")
	}
	since := time.Now()
	testkit.Await(t, "the process to be idle", func() bool {
		now, _ := resident(s.cmd.Process.Pid)
		if now > size {
			size, since = now, time.Now()
		}
		return time.Since(since) > idleFor
	})
	t.Logf("idles with %.1f MiB", float64(size)/(1<<20))
	if size > largestIdle {
		t.Errorf("idles with %d bytes, want less than %d", size, largestIdle)
	}
}

// resident returns the resident memory of a process in bytes.
func resident(pid int) (int64, bool) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, false
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
			return kib << 10, err == nil
		}
	}
	return 0, false
}

func TestASecondProcessInTheSameDirectoryIsRefused(t *testing.T) {
	t.Parallel()
	first := up(t, suiteOptions{data: t.TempDir()})
	second := begin(t, suiteOptions{data: first.data})
	code := second.exit(t)
	if text := second.out.String(); code != 1 || !strings.Contains(text, "error:") || !strings.Contains(text, "another process") || !strings.Contains(text, first.data) {
		t.Errorf("the second process ended with %d, want 1 and an error that names the directory and the other process:\n%s", code, text)
	}
	// The first has not been harmed, nor what it keeps.
	shop := startInventory(t, apiKey)
	first.overREST().connect(t, "shop", shop.url, shop.key)
	subscribe(t, first.overREST(), "listed", "OnItemListed", time.Second, "http://127.0.0.1:1/nobody")
	if _, err := shop.create(t.Context(), "Still here"); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "an event after the attempt", func() bool {
		events, err := first.overREST().events(t.Context(), "listed")
		return err == nil && len(events) == 1
	})
}

func TestItStopsInOrder(t *testing.T) {
	t.Parallel()
	shop := startInventory(t, apiKey)
	s := up(t, suiteOptions{data: t.TempDir()})
	c := s.overREST()
	c.connect(t, "shop", shop.url, shop.key)
	subscribe(t, c, "listed", "OnItemListed", time.Second, "http://127.0.0.1:1/nobody")
	follow(t, s, "listed") // somebody who listens does not hold up the end
	if code := s.terminate(t); code != 0 {
		t.Fatalf("it ended with %d:\n%s", code, s.out)
	}
	if text := s.out.String(); strings.Contains(text, "panic") || strings.Contains(text, "goroutine ") {
		t.Errorf("it did not end in order:\n%s", text)
	}
	again := up(t, s.again(t, suiteOptions{}))
	if again.token != s.token {
		t.Error("the admin token has changed")
	}
	if _, err := shop.create(t.Context(), "After the break"); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the subscription to go on", func() bool {
		events, err := again.overREST().events(t.Context(), "listed")
		return err == nil && len(events) == 1
	})
}

func TestItRefusesToStartOnNonsense(t *testing.T) {
	t.Parallel()
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		o     suiteOptions
		code  int
		wants []string
	}{
		{"an unknown flag", suiteOptions{data: t.TempDir(), flags: []string{"--colour"}}, 2, []string{"--colour"}},
		{"a network that is none", suiteOptions{data: t.TempDir(), flags: []string{"--allow-network", "10.0.0.0/40"}}, 2, []string{"--allow-network", "10.0.0.0/40"}},
		{"an address that is none", suiteOptions{data: t.TempDir(), http: "127.0.0.1:port"}, 1, []string{"--http", "127.0.0.1:port"}},
		{"a file in place of the directory", suiteOptions{data: file}, 1, []string{file}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t, row.o)
			code := s.exit(t)
			for _, want := range row.wants {
				if !strings.Contains(s.out.String(), want) {
					t.Errorf("%q is not in the error", want)
				}
			}
			if code != row.code || t.Failed() {
				t.Errorf("it ended with %d, want %d:\n%s", code, row.code, s.out)
			}
		})
	}
}
