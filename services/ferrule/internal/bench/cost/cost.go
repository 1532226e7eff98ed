// Package cost reads what processes take: processor time and memory from proc(5),
// and allocations from the metrics of Go programs.
package cost

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of processor times in proc(5) on every Linux: 1/100 s, whatever
// the kernel itself counts in.
const tick = 10 * time.Millisecond

// Root is where the system tells of its processes.
const Root = "/proc"

// process is what is read of one process.
type process struct {
	pid, parent int
	cpu         time.Duration
}

// CPU returns the processor time that a process and its children that live have
// used so far, in user and system mode. It is exact to a hundredth of a second for
// each process. root is [Root].
func CPU(root string, pid int) (time.Duration, error) {
	names, err := filepath.Glob(filepath.Join(root, "[0-9]*", "stat"))
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	var all []process
	for _, name := range names {
		text, err := os.ReadFile(name) // #nosec G304 -- what the system tells of a process
		if err != nil {
			continue // it has ended meanwhile
		}
		p, err := parse(string(text))
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		all = append(all, p)
	}
	total, found := tree(all, pid)
	if !found {
		return 0, fmt.Errorf("there is no process %d", pid)
	}
	return total, nil
}

// tree sums up a process and all below it.
func tree(all []process, pid int) (total time.Duration, found bool) {
	for _, p := range all {
		switch {
		case p.pid == pid:
			total, found = total+p.cpu, true
		case p.parent == pid:
			below, _ := tree(all, p.pid)
			total += below
		}
	}
	return total, found
}

// The fields of stat after the name, counted from the state (field 3 of proc(5)).
const (
	fieldParent = 1
	fieldUser   = 11
	fieldSystem = 12
)

// parse reads one line of /proc/PID/stat. The name of the program, in parentheses,
// may hold spaces and parentheses itself.
func parse(line string) (process, error) {
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return process{}, errors.New("it has no name in parentheses")
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) <= fieldSystem {
		return process{}, fmt.Errorf("it has %d fields after the name", len(fields))
	}
	var numbers [4]int
	for n, text := range []string{strings.TrimSpace(line[:open]), fields[fieldParent], fields[fieldUser], fields[fieldSystem]} {
		number, err := strconv.Atoi(text)
		if err != nil {
			return process{}, fmt.Errorf("read a number: %w", err)
		}
		numbers[n] = number
	}
	return process{pid: numbers[0], parent: numbers[1], cpu: time.Duration(numbers[2]+numbers[3]) * tick}, nil
}

// Resident returns the memory that a process has resident now, and the most that
// it had since [ForgetPeak], in bytes.
func Resident(root string, pid int) (now, peak int64, err error) {
	text, err := os.ReadFile(filepath.Join(root, strconv.Itoa(pid), "status")) // #nosec G304 -- what the system tells of a process
	if err != nil {
		return 0, 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for line := range bytes.Lines(text) {
		name, value, _ := strings.Cut(string(line), ":")
		switch name {
		case "VmRSS":
			now = kibibytes(value)
		case "VmHWM":
			peak = kibibytes(value)
		}
	}
	if now == 0 || peak == 0 {
		return 0, 0, fmt.Errorf("the system does not tell the memory of process %d", pid)
	}
	return now, peak, nil
}

// kibibytes reads "  123 kB" as bytes; 0 if it says something else.
func kibibytes(text string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// forget is what makes the system forget the peak (proc(5), clear_refs).
const forget = "5"

// ForgetPeak makes what a process has resident now its peak.
func ForgetPeak(root string, pid int) error {
	name := filepath.Join(root, strconv.Itoa(pid), "clear_refs")
	if err := os.WriteFile(name, []byte(forget), 0o200); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forget the peak of process %d: %w", pid, err)
	}
	return nil
}

// Load returns the load average of the last minute.
func Load(root string) (float64, error) {
	text, err := os.ReadFile(filepath.Join(root, "loadavg")) // #nosec G304 -- what the system tells of itself
	if err != nil {
		return 0, fmt.Errorf("read the load: %w", err)
	}
	first, _, _ := strings.Cut(string(text), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0, fmt.Errorf("read the load: %w", err)
	}
	return load, nil
}

// Metric is the name of the counter of allocations in the metrics of Go programs.
const Metric = "go_memstats_mallocs_total"

// maxMetrics bounds what is read of metrics.
const maxMetrics = 8 << 20

// Allocations reads the number of allocations so far from metrics in the format of
// Prometheus.
func Allocations(metrics io.Reader) (float64, error) {
	lines := bufio.NewScanner(io.LimitReader(metrics, maxMetrics))
	lines.Buffer(nil, maxMetrics)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if name != Metric {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", Metric, err)
		}
		return n, nil
	}
	return 0, errors.Join(fmt.Errorf("the metrics do not have %s", Metric), lines.Err())
}
