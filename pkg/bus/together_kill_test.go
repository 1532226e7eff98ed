package bus

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
)

// victimDir is where the process works that [TestSIGKILL] kills.
const victimDir = "FERRULE_BUS_VICTIM"

// victimPublishers is how many publish at a time there.
const victimPublishers = 40

// TestVictim is no test: it is the process that [TestSIGKILL] kills. It publishes and
// says what was confirmed.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		t.Skip("runs in a process of its own")
	}
	b, _ := jointIn(t, dir)
	for p := range victimPublishers {
		go func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), p, n)
				if b.Publish(t.Context(), outbox.Message{ID: id, Subject: togetherSubject, Data: []byte(id)}) == nil {
					fmt.Println("confirmed", id)
				}
			}
		}()
	}
	<-t.Context().Done()
}

// TestSIGKILL kills a process again and again that publishes together, in one
// directory: what was confirmed is there, once.
func TestSIGKILL(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	dir := t.TempDir()
	confirmed := map[string]bool{}
	for round := range 4 {
		for _, id := range killed(t, dir, 100+round*37) {
			confirmed[id] = true
		}
	}
	b, _ := jointIn(t, dir)
	data, inBatch := kept(t, b)
	there := map[string]int{}
	for _, id := range data {
		there[id]++
	}
	for id := range confirmed {
		if there[id] != 1 {
			t.Errorf("%s was confirmed and is there %d times", id, there[id])
		}
	}
	if len(there) != len(data) || inBatch == 0 {
		t.Errorf("%d events, %d different, %d in batches", len(data), len(there), inBatch)
	}
}

// killed runs a victim until it has said so often that something was confirmed, kills it
// and returns what was confirmed.
func killed(t *testing.T, dir string, after int) (ids []string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestVictim$") // #nosec G204 -- itself
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for said := bufio.NewScanner(out); said.Scan(); {
		if id, ok := strings.CutPrefix(said.Text(), "confirmed "); ok {
			ids = append(ids, id)
		}
		if len(ids) == after {
			_ = cmd.Process.Kill() // SIGKILL: it does not notice; what it has said until then counts
		}
	}
	_ = cmd.Wait() // it was killed
	if len(ids) < after {
		t.Fatalf("%d were confirmed before it ended", len(ids))
	}
	return ids
}
