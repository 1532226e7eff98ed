package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/graph"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/reading"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
)

func TestFlags(t *testing.T) {
	usual := options{
		ferrule: "bin/ferrule", packages: "../shared/corpus/powerplatform", output: "text",
		libraries: "bin/tools/importbench", catalogue: "bin/cataloguebench", vault: "bin/vaultbench", parts: "rates,imports,catalogue,vault,triggers,proxy", connectors: 100_000, secrets: 1_000_000,
		backlog: 100_000, subscriptions: 10_000, schedules: syncAlways,
		nginx: "nginx", caddy: "bin/tools/caddy", wrk: "wrk", many: 10_000, turn: time.Minute, bulk: 1024,
		connections: 50, rounds: 3, warmup: time.Second, duration: 3 * time.Second,
	}
	with := func(change func(*options)) options { o := usual; change(&o); return o }
	for _, row := range []struct {
		name string
		args []string
		want options
		says string
	}{
		{"none", nil, usual, ""},
		{"as JSON", []string{"-o", "json"}, with(func(o *options) { o.output = "json" }), ""},
		{"longer", []string{"-duration", "10s", "-rounds", "5"}, with(func(o *options) { o.duration, o.rounds = 10*time.Second, 5 }), ""},
		{"one part", []string{"-parts", "imports"}, with(func(o *options) { o.parts = "imports" }), ""},
		{"a part that does not exist", []string{"-parts", "rates,colours"}, options{}, "colours"},
		{"no part", []string{"-parts", ""}, options{}, "nothing"},
		{"connectors that are no thousands", []string{"-connectors", "1500"}, options{}, "-connectors"},
		{"another format", []string{"-o", "xml"}, options{}, "-o must be text or json"},
		{"no subscriptions", []string{"-subscriptions", "0"}, options{}, "-subscriptions"},
		{"another way to sync", []string{"-schedules", "never"}, options{}, "-schedules"},
		{"no backlog", []string{"-backlog", "0"}, options{}, "-backlog"},
		{"no connections", []string{"-connections", "0"}, options{}, "-connections"},
		{"less than no time in rotation", []string{"-turn", "-1s"}, options{}, "-turn"},
		{"nothing in rotation", []string{"-many", "0"}, options{}, "-many"},
		{"no time", []string{"-duration", "0s"}, options{}, "-duration"},
		{"an argument", []string{"fast"}, options{}, "fast"},
		{"an unknown flag", []string{"-colour"}, options{}, "-colour"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var help bytes.Buffer
			got, err := parse(row.args, &help)
			if failed := row.says != ""; failed != (err != nil) || !strings.Contains(help.String(), row.says) {
				t.Fatalf("parse() = %v, %q", err, help.String())
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(row.want, got, cmp.AllowUnexported(options{})); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
	if _, err := parse([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		code int
	}{
		{"help", []string{"-h"}, 0},
		{"a wrong flag", []string{"-colour"}, 2},
		{"no role", []string{roleArgument}, 1},
		{"a role without a task", []string{roleArgument, "actor"}, 1},
	} {
		if got := command(t.Context(), row.args, io.Discard, io.Discard); got != row.code {
			t.Errorf("%s: exit %d, want %d", row.name, got, row.code)
		}
	}
}

// actor plays a role in a goroutine, as a process of its own would.
type actor struct {
	out  *bufio.Reader
	in   io.Closer
	done chan error
}

func act(t *testing.T, role string, task task) *actor {
	t.Helper()
	line, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	in, stop := io.Pipe()
	out, say := io.Pipe()
	a := &actor{out: bufio.NewReader(out), in: stop, done: make(chan error, 1)}
	go func() {
		err := playRole(t.Context(), []string{role}, io.MultiReader(bytes.NewReader(line), in), say)
		_ = say.CloseWithError(err)
		a.done <- err
	}()
	return a
}

// address reads where the actor serves.
func (a *actor) address(t *testing.T) string {
	t.Helper()
	line, err := a.out.ReadString('\n')
	match := serving.FindStringSubmatch(line)
	if err != nil || match == nil {
		t.Fatalf("it said %q, %v", line, err)
	}
	return match[1]
}

// leave ends the actor's standard input and waits for its end.
func (a *actor) leave(t *testing.T) {
	t.Helper()
	_ = a.in.Close()
	if err := <-a.done; err != nil {
		t.Error(err)
	}
}

func TestTheRolesPlayTogether(t *testing.T) {
	const key = "key-of-things"
	api := act(t, roleAPI, task{Key: key})
	upstream := task{Key: key, Upstream: "http://" + api.address(t)}
	proxy, handler := act(t, roleProxy, upstream), act(t, roleHandler, upstream)
	for name, target := range map[string]load.Target{
		"the proxy":   {Addr: proxy.address(t), HTTP: &load.HTTP{Method: http.MethodGet, Path: baseline.Path}},
		"the handler": {Addr: handler.address(t), Invoke: &load.Invoke{Operation: baseline.Operation}},
	} {
		crowd := act(t, roleLoad, task{Target: target, Connections: 2, Duration: 250 * time.Millisecond})
		var got measure.Result
		if err := json.NewDecoder(crowd.out).Decode(&got); err != nil || got.Requests == 0 || got.Errors > 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		crowd.leave(t)
	}
	for _, a := range []*actor{handler, proxy, api} {
		a.leave(t)
	}
}

func TestPackagesAreTranslated(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"good":   `{"swagger": "2.0", "info": {"title": "Good", "version": "1"}, "host": "good.example", "paths": {"/x": {"get": {"operationId": "X", "responses": {}}}}}`,
		"broken": `{"swagger": "2.0", `,
	} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string]string{"apiDefinition.swagger.json": text, "apiProperties.json": `{"properties": {}}`} {
			if err := os.WriteFile(filepath.Join(folder, name, file), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	a := act(t, roleTranslate, task{Folder: folder})
	var got corpus.Outcome
	if err := json.NewDecoder(a.out).Decode(&got); err != nil || got.Imported != 1 || got.Refused != 1 || got.Slowest == "" {
		t.Errorf("outcome = %+v, %v", got, err)
	}
	a.leave(t)
}

func TestDescriptionsAreReadInAProcessOfTheirOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "graph.yaml")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(graph.Write(file, 40), file.Close()); err != nil {
		t.Fatal(err)
	}
	a := act(t, roleRead, task{Files: []string{path}})
	var got reading.Outcome
	if err := json.NewDecoder(a.out).Decode(&got); err != nil || got.Read != 1 || got.Operations != 40 {
		t.Errorf("outcome = %+v, %v", got, err)
	}
	a.leave(t)
}

func TestWhatIsNotThereIsLeftOut(t *testing.T) {
	var said bytes.Buffer
	r := &run{options: options{catalogue: "/nothing/catalogue", vault: "/nothing/vault", libraries: "/nothing/libraries"}, progress: &said}
	result := report.Report{}
	table := reading.Table{Name: "files"}
	if err := errors.Join(r.search(t.Context(), &result), r.fillVaults(t.Context(), &result), r.compare(t.Context(), &table, nil), r.githubOf(t.Context(), &result)); err != nil {
		t.Fatal(err)
	}
	if result.Catalogue != nil || result.Vault != nil || table.Readers != nil || result.Readings != nil {
		t.Errorf("report = %+v, table = %+v", result, table)
	}
	for _, what := range []string{"/nothing/catalogue", "/nothing/vault", "/nothing/libraries", "GitHub"} {
		if !strings.Contains(said.String(), what) {
			t.Errorf("nothing is said of %s: %s", what, said.String())
		}
	}
}

func TestRolesThatCannotBePlayed(t *testing.T) {
	for name, row := range map[string]struct{ args, in string }{
		"no task":                  {roleAPI, ""},
		"a task that is none":      {roleAPI, "["},
		"an unknown role":          {"actor", "{}"},
		"an upstream that is none": {roleProxy, `{"upstream": "http://[::"}`},
		"a load for nobody":        {roleLoad, `{"connections": 1}`},
		"a file that is none":      {roleRead, `{"files": ["/nothing/here"]}`},
		"a folder that is none":    {roleTranslate, `{"folder": "/nothing/here"}`},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		if err := playRole(ctx, []string{row.args}, strings.NewReader(row.in), io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
		cancel()
	}
}

func TestCallsThatFailedAreAFailureOfTheRun(t *testing.T) {
	good, bad := measure.Result{Requests: 9}, measure.Result{Errors: 2, FirstError: "the answer is 401"}
	if err := failures(report.Report{Figures: []report.Figure{{Rounds: []measure.Result{good, good}}}}); err != nil {
		t.Error(err)
	}
	err := failures(report.Report{Figures: []report.Figure{{Name: "Invoke", Rounds: []measure.Result{good, bad}}}})
	if err == nil || !strings.Contains(err.Error(), "Invoke: 2 calls failed") || !strings.Contains(err.Error(), "401") {
		t.Errorf("error = %v", err)
	}
}
