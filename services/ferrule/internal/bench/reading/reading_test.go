package reading_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/reading"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil { // #nosec G306 -- some are programs
		t.Fatal(err)
	}
	return path
}

const good = `{"swagger": "2.0", "info": {"title": "Good", "version": "1"}, "host": "good.example", "paths": {"/x": {"get": {"operationId": "X", "responses": {}}}}}`

func TestDescriptionsAreReadAndCounted(t *testing.T) {
	files := []string{write(t, "good.json", good), write(t, "none.json", `{"hello": "world"}`), write(t, "again.json", good)}
	o, err := reading.Ferrule(t.Context(), clock.System(), files)
	if err != nil || o.Read != 2 || o.Refused != 1 || o.Operations != 2 || !strings.Contains(o.FirstRefusal, "none.json") {
		t.Errorf("outcome = %+v, %v", o, err)
	}
	if want := int64(2*len(good) + len(`{"hello": "world"}`)); o.Bytes != want || o.Elapsed <= 0 {
		t.Errorf("%d bytes in %v, want %d", o.Bytes, o.Elapsed, want)
	}
}

func TestReadingStopsAtWhatIsNotThere(t *testing.T) {
	if _, err := reading.Ferrule(t.Context(), clock.System(), []string{"/nothing/here"}); err == nil {
		t.Error("no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reading.Ferrule(ctx, clock.System(), nil); err == nil {
		t.Error("no error after the end")
	}
}

func TestLibrariesAreAskedByTheirNames(t *testing.T) {
	program := write(t, "importbench", `#!/bin/sh
n=$(wc -l)
echo "{\"library\": \"$1\", \"version\": \"$VERSION\", \"read\": $((n)), \"elapsed_ns\": 5}"
`)
	got, err := reading.Library(t.Context(), program, "libopenapi", []string{"a", "b", "c"}, []string{"VERSION=v1"}, t.Output())
	want := reading.Outcome{Library: "libopenapi", Version: "v1", Read: 3, Elapsed: 5}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for name, text := range map[string]string{"one that fails": "#!/bin/sh\nexit 3\n", "one that says nothing": "#!/bin/sh\n"} {
		if _, err := reading.Library(t.Context(), write(t, "importbench", text), "x", nil, nil, t.Output()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestVerdicts(t *testing.T) {
	fast := reading.Outcome{Read: 1, Elapsed: time.Second, PeakMemory: 100}
	for _, row := range []struct {
		name  string
		table reading.Table
		want  string
	}{
		{"nothing was measured", reading.Table{Time: time.Second}, "for information"},
		{"there is no goal", reading.Table{Readers: []reading.Outcome{fast}}, "for information"},
		{"within both goals", reading.Table{Time: time.Second, Memory: 100, Readers: []reading.Outcome{fast, {Elapsed: time.Hour}}}, "reached"},
		{"too slow", reading.Table{Time: time.Second - 1, Readers: []reading.Outcome{fast}}, "MISSED"},
		{"too large", reading.Table{Time: time.Second, Memory: 99, Readers: []reading.Outcome{fast}}, "MISSED"},
		{"not read", reading.Table{Time: time.Second, Readers: []reading.Outcome{{Refused: 1}}}, "MISSED"},
	} {
		if got := row.table.Verdict(); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}
