package trigger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// victimDir is the variable that makes this test program play the process that
// is killed; it names its directory.
const victimDir = "FERRULE_TEST_VICTIM"

// The files by which killer and victim speak: what happened at the API, one id
// in each line, and which notifications were accepted.
const (
	happenedFile = "happened"
	acceptedFile = "accepted"
)

// victims are the subscriptions of the process that is killed: a list, the API's own
// links, a list with a cursor that comes in pages, a webhook.
var victims = []string{"items", "moved", "numbered", "hook"}

// TestVictim is no test: it is the process that TestSIGKILL kills. The service
// runs on a store and a message bus in files; the API's items are in a file that
// the killer writes, and the API repeats each notification until it is accepted.
func TestVictim(t *testing.T) {
	dir := os.Getenv(victimDir)
	if dir == "" {
		t.Skip("runs in a process of its own")
	}
	engine, err := boltkv.Open(filepath.Join(dir, "trigger.db"), boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, engine, dir, filepath.Join(dir, "nats"))
	w.api.Refuse = func(c core.Call) *core.Answer {
		if c.Operation != inventorytest.Polling {
			return nil
		}
		return listed(lines(t, filepath.Join(dir, happenedFile)))
	}
	w.api.Source = func() []string { return lines(t, filepath.Join(dir, happenedFile)) }
	p := w.begin(engine)
	hook := p.victimSubscribes()
	fmt.Println("ready")
	for {
		p.victimNotifies(dir, hook)
		counts := []any{"count"}
		for _, id := range victims {
			counts = append(counts, len(logged(t, p.service.env.Bus, id)))
		}
		fmt.Println(counts...)
	}
}

// victimSubscribes makes both subscriptions if they are not there yet.
func (p *process) victimSubscribes() core.Subscription {
	p.t.Helper()
	ann := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "ann", Roles: []authn.Role{authn.RoleUser}}}
	var sub core.Subscription
	for id, operation := range map[string]string{
		"items": inventorytest.Polling, "moved": inventorytest.Native, "numbered": inventorytest.Numbered, "hook": inventorytest.Webhook,
	} {
		draft := core.Draft{
			Environment: "default", ID: id, Operation: operation, Connection: resource.Connection{Environment: "default", ID: "shop"},
		}
		if operation != inventorytest.Webhook {
			draft.Recurrence.Interval = p.limits.MinInterval
		}
		testkit.Await(p.t, "the subscription "+id, func() bool {
			_, err := p.service.triggers.Create(p.t.Context(), ann, draft)
			if err != nil && fault.ReasonOf(err) != fault.ReasonSubscriptionExists {
				p.t.Fatal(err)
			}
			got, err := p.service.triggers.Get(p.t.Context(), ann, subscriptionName(id))
			if err != nil {
				return false // it was being undone, and is not any more
			}
			if id == "hook" {
				sub = got
			}
			state, _ := got.State()
			return state == core.StateActive
		})
	}
	return sub
}

// victimNotifies plays the API's side of the webhook.
func (p *process) victimNotifies(dir string, sub core.Subscription) {
	accepted := lines(p.t, filepath.Join(dir, acceptedFile))
	hook := inventorytest.Hook{CallbackURL: "/" + p.service.triggers.Keys.Token(sub.UID), Secret: p.service.triggers.Keys.Secret(sub.UID, sub.Webhook.SecretOf)}
	for _, id := range lines(p.t, filepath.Join(dir, happenedFile)) {
		if slices.Contains(accepted, id) {
			continue
		}
		res, err := p.notify(hook, id, item(id))
		if err != nil || res.GetStatusCode() != http.StatusAccepted {
			return // repeated with the next round
		}
		appendLine(p.t, filepath.Join(dir, acceptedFile), id)
	}
}

// listed is the API's answer with the newest items first.
func listed(ids []string) *core.Answer {
	list := []map[string]string{}
	for _, id := range ids {
		list = append(list, map[string]string{"id": id})
	}
	slices.Reverse(list)
	body, err := json.Marshal(map[string]any{"items": list})
	if err != nil {
		panic(err)
	}
	return &core.Answer{Status: http.StatusOK, Header: http.Header{}, Body: body}
}

// lines returns the complete lines of a file.
func lines(t testing.TB, path string) []string {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	all := strings.Split(string(data), "\n")
	return all[:len(all)-1] // the last one is empty, or not written to its end
}

func appendLine(t testing.TB, path, line string) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(line + "\n") // one write: a line is there or not
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// victim is a running process that is going to be killed.
type victim struct {
	cmd    *exec.Cmd
	output chan string
}

func start(t *testing.T, dir string) *victim {
	t.Helper()
	v := &victim{cmd: exec.Command(os.Args[0], "-test.run=^TestVictim$", "-test.v"), output: make(chan string, 1000)}
	v.cmd.Env = append(os.Environ(), victimDir+"="+dir)
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(v.output)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			select {
			case v.output <- scanner.Text():
			default: // nobody reads; a full pipe would stop the process
			}
		}
	}()
	t.Cleanup(v.kill)
	return v
}

// kill is SIGKILL: the process does not notice.
func (v *victim) kill() {
	_ = v.cmd.Process.Kill()
	for range v.output { // to the end: Wait closes the pipe
	}
	_ = v.cmd.Wait()
}

// await waits for a line.
func (v *victim) await(t *testing.T, want string) {
	t.Helper()
	var seen []string
	for {
		line := testkit.Receive(t, want+" after "+strings.Join(seen[max(len(seen)-20, 0):], "\n"), v.output)
		if line == want {
			return
		}
		seen = append(seen, line)
	}
}

func TestSIGKILL(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills a dozen processes")
	}
	dir := t.TempDir()
	dice := rand.New(rand.NewPCG(7, 11))
	first := start(t, dir)
	first.await(t, "ready")
	first.kill()
	var want []string
	present := start(t, dir)
	for round := range 10 {
		for i := range 4 {
			id := fmt.Sprintf("r%d-%d", round, i)
			appendLine(t, filepath.Join(dir, happenedFile), id)
			want = append(want, item(id))
		}
		if round%3 != 0 { // otherwise it dies while it starts
			present.await(t, "ready")
		}
		<-time.After(time.Duration(dice.IntN(300)) * time.Millisecond) // any moment will do
		present.kill()
		present = start(t, dir)
	}
	present.await(t, strings.TrimSpace("count "+strings.Repeat(fmt.Sprint(len(want), " "), len(victims))))
	present.kill()

	nats := testkit.StartNATS(t, filepath.Join(dir, "nats"))
	b := testkit.Connect(t, nats)
	for _, id := range victims {
		equal(t, id, logged(t, b, id), want)
	}
}
