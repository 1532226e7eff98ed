package cost_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
)

// system writes files as the system would, and returns their folder.
func system(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestProcessorTimeIsThatOfTheWholeTree(t *testing.T) {
	stat := func(pid, name, parent, user, system string) string {
		return pid + " (" + name + ") S " + parent + " 1 1 0 -1 4194560 100 200 0 0 " + user + " " + system + " 7 7 20 0 1 0 5"
	}
	root := system(t, map[string]string{
		"10/stat": stat("10", "nginx: master", "1", "1", "2"),
		"11/stat": stat("11", "nginx (worker) 1", "10", "100", "50"),
		"12/stat": stat("12", "nginx) S 99", "10", "30", "20"),
		"13/stat": stat("13", "below", "12", "5", "0"),
		"20/stat": stat("20", "somebody else", "1", "900", "900"),
		"loadavg": "1.25 2.00 3.00 4/500 6000\n",
	})
	for _, row := range []struct {
		name string
		pid  int
		want time.Duration
	}{
		{"with children and theirs", 10, 2080 * time.Millisecond},
		{"one of them", 12, 550 * time.Millisecond},
		{"without children", 20, 18 * time.Second},
	} {
		if got, err := cost.CPU(root, row.pid); err != nil || got != row.want {
			t.Errorf("%s: %v, %v, want %v", row.name, got, err, row.want)
		}
	}
	if _, err := cost.CPU(root, 30); err == nil {
		t.Error("a process that does not exist: no error")
	}
	if got, err := cost.Load(root); err != nil || got != 1.25 {
		t.Errorf("load = %v, %v", got, err)
	}
}

func TestWhatTheSystemDoesNotSayLikeThis(t *testing.T) {
	for name, text := range map[string]string{
		"no name": "10 S 1 1", "few fields": "10 (x) S 1 1", "no number": "10 (x) S 1 1 1 0 -1 4194560 100 200 0 0 many 1",
	} {
		if _, err := cost.CPU(system(t, map[string]string{"10/stat": text}), 10); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, files := range map[string]map[string]string{"nothing": {}, "no number": {"loadavg": "much"}} {
		if _, err := cost.Load(system(t, files)); err == nil {
			t.Errorf("load, %s: no error", name)
		}
	}
	for name, files := range map[string]map[string]string{
		"nothing": {}, "no peak": {"10/status": "VmRSS:\t 1 kB\n"}, "no number": {"10/status": "VmRSS:\t much kB\nVmHWM:\t 1 kB\n"},
	} {
		if _, _, err := cost.Resident(system(t, files), 10); err == nil {
			t.Errorf("memory, %s: no error", name)
		}
	}
}

func TestMemoryNowAndAtItsPeak(t *testing.T) {
	root := system(t, map[string]string{"10/status": "Name:\tx\nVmPeak:\t  900 kB\nVmHWM:\t  300 kB\nVmRSS:\t  200 kB\n", "10/clear_refs": ""})
	now, peak, err := cost.Resident(root, 10)
	if err != nil || now != 200<<10 || peak != 300<<10 {
		t.Errorf("memory = %d, %d, %v", now, peak, err)
	}
	if err := cost.ForgetPeak(root, 10); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(filepath.Join(root, "10/clear_refs")); err != nil || string(text) != "5" {
		t.Errorf("the system was told %q, %v", text, err)
	}
}

func TestThisProcessCanBeRead(t *testing.T) {
	if _, err := os.Stat(cost.Root + "/self/stat"); err != nil {
		t.Skip("this system does not tell of its processes in " + cost.Root)
	}
	if _, err := cost.CPU(cost.Root, os.Getpid()); err != nil {
		t.Error(err)
	}
	if now, peak, err := cost.Resident(cost.Root, os.Getpid()); err != nil || now > peak {
		t.Errorf("memory = %d, %d, %v", now, peak, err)
	}
}

func TestAllocationsAreAMetric(t *testing.T) {
	for _, row := range []struct {
		name, metrics string
		want          float64
		fails         bool
	}{
		{"among others", "# HELP go_memstats_mallocs_total Total\ngo_memstats_frees_total 7\ngo_memstats_mallocs_total 1.25e+06\nx 1\n", 1.25e6, false},
		{"not there", "go_memstats_frees_total 7\n", 0, true},
		{"no number", "go_memstats_mallocs_total many\n", 0, true},
	} {
		got, err := cost.Allocations(strings.NewReader(row.metrics))
		if got != row.want || (err != nil) != row.fails {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
}
