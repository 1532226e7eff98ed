package boltkv_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
)

// victimFile names the environment variable that turns the test binary into the
// process that is killed, and holds the path of its store.
const victimFile = "BOLTKV_TEST_VICTIM"

// victim commits pairs of numbers from several goroutines for ever and reports
// each commit after it happened.
func victim(path string) int {
	s, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := 1; ; n++ {
				err := s.Update(context.Background(), func(tx kv.Tx) error {
					for _, half := range []string{"left", "right"} {
						if err := tx.Put(fmt.Appendf(nil, "%s%d", half, worker), []byte(strconv.Itoa(n))); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				fmt.Printf("%d %d\n", worker, n)
			}
		})
	}
	wg.Wait()
	return 0
}

func TestAKilledProcessLosesNoCommitAndLeavesNoHalves(t *testing.T) {
	for round := range 5 {
		path := filepath.Join(t.TempDir(), "test.db")
		reported := runVictim(t, path, 1+round*40)
		s := openAt(t, path, boltkv.Options{})
		for worker, n := range reported {
			left, right := get(t, s, "left"+worker), get(t, s, "right"+worker)
			if left != right {
				t.Errorf("worker %s: left %s and right %s of one transaction differ", worker, left, right)
			}
			if got, err := strconv.Atoi(left); err != nil || got < n {
				t.Errorf("worker %s: stored %q, but commit %d was reported", worker, left, n)
			}
		}
	}
}

// runVictim kills a victim after it has reported n commits and returns the last
// number that each worker reported.
func runVictim(t *testing.T, path string, n int) map[string]int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimFile+"="+path)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reported := map[string]int{}
	for lines := bufio.NewScanner(out); lines.Scan(); n-- {
		var worker string
		var number int
		if _, err := fmt.Sscan(lines.Text(), &worker, &number); err != nil {
			break // a line cut short by the kill
		}
		reported[worker] = number
		if n == 1 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed
	if n > 0 {
		t.Fatalf("the process ended with %d reports to go", n)
	}
	return reported
}
