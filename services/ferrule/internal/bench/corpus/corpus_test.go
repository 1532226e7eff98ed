package corpus_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
)

// folder makes a folder with the given files, each of four bytes.
func folder(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{ }\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPackagesAreFoundWhereTheirDefinitionIs(t *testing.T) {
	dir := folder(t,
		"certified/Beta/apiDefinition.swagger.json", "certified/Beta/apiProperties.json",
		"certified/Alpha/apiDefinition.swagger.json", "custom/deep/Gamma/apiDefinition.swagger.json",
		"certified/NoPackage/readme.md", "LICENSE")
	got, err := corpus.Packages(dir)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"certified/Alpha", "certified/Beta", "custom/deep/Gamma"}, got); diff != "" {
		t.Errorf("packages (-want +got):\n%s", diff)
	}
	if _, err := corpus.Packages(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that does not exist: %v", err)
	}
}

func TestImport(t *testing.T) {
	refusal := fault.Invalid(fault.ReasonDocumentSyntax, "a comma too many")
	down := fault.Unavailable(fault.ReasonServiceUnavailable, "nobody answers")
	for _, row := range []struct {
		name  string
		takes map[string]time.Duration
		fails map[string]error
		want  corpus.Outcome
		err   error
	}{
		{
			name:  "the slowest is named",
			takes: map[string]time.Duration{"a": time.Second, "b": 3 * time.Second, "c": 2 * time.Second},
			want:  corpus.Outcome{Imported: 3, Bytes: 24, Elapsed: 6 * time.Second, Slowest: "b", SlowestTime: 3 * time.Second},
		},
		{
			name:  "what is refused counts apart, and takes time too",
			takes: map[string]time.Duration{"a": time.Second, "b": time.Second, "c": time.Second},
			fails: map[string]error{"b": refusal},
			want:  corpus.Outcome{Imported: 2, Refused: 1, Bytes: 24, Elapsed: 3 * time.Second, Slowest: "a", SlowestTime: time.Second},
		},
		{
			name:  "a failure of ours ends it",
			fails: map[string]error{"b": down},
			want:  corpus.Outcome{Imported: 1, Bytes: 16},
			err:   down,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := folder(t, "a/apiDefinition.swagger.json", "a/apiProperties.json", "b/apiDefinition.swagger.json",
				"b/apiProperties.json", "c/apiDefinition.swagger.json", "c/apiProperties.json", "c/readme.md")
			fake := clocktest.New(time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC))
			got, err := corpus.Import(t.Context(), fake, dir, []string{"a", "b", "c"},
				func(_ context.Context, name string, files *registryv1.SourceFiles) error {
					if len(files.GetFiles()) != 2 {
						t.Errorf("%s has %d files", name, len(files.GetFiles()))
					}
					fake.Advance(row.takes[name])
					return row.fails[name]
				})
			if !errors.Is(err, row.err) {
				t.Errorf("error = %v, want %v", err, row.err)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("outcome (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRates(t *testing.T) {
	if got := (corpus.Outcome{Imported: 5, Refused: 1, Elapsed: 2 * time.Second}).PerSecond(); got != 3 {
		t.Errorf("PerSecond() = %v, want 3", got)
	}
	if got := (corpus.Outcome{}).PerSecond(); got != 0 {
		t.Errorf("PerSecond() of nothing = %v", got)
	}
}

func TestPeakMemoryGrowsWithWhatIsUsed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the memory of a process")
	}
	before := corpus.PeakMemory(os.Getpid())
	block := make([]byte, 64<<20)
	for n := range block {
		block[n] = 1
	}
	if after := corpus.PeakMemory(os.Getpid()); before <= 0 || after < before+32<<20 {
		t.Errorf("peak memory = %d, then %d", before, after)
	}
	runtime.KeepAlive(block)
	if got := corpus.PeakMemory(-1); got != 0 {
		t.Errorf("of nobody: %d", got)
	}
}
