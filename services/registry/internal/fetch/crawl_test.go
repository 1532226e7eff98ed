package fetch_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// lines is what the documents of these tests refer to: each line that begins
// with ">".
func lines(f format.File) []string {
	var found []string
	for line := range strings.Lines(string(f.Content[:min(len(f.Content), 64<<10)])) {
		if reference, ok := strings.CutPrefix(line, ">"); ok {
			found = append(found, strings.TrimSpace(reference))
		}
	}
	return found
}

// site serves documents by their paths.
func site(t *testing.T, documents map[string]string) string {
	t.Helper()
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		content, ok := documents[r.URL.Path]
		if to, moved := strings.CutPrefix(content, "moved "); moved {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write([]byte(content))
	})
}

func TestDocumentsComeWithThoseThatTheyReferTo(t *testing.T) {
	for _, row := range []struct {
		name      string
		documents map[string]string
		want      []string
	}{
		{"beside it", map[string]string{"/v1/a.yaml": ">b.yaml\n", "/v1/b.yaml": ""}, []string{"a.yaml", "b.yaml"}},
		{"below it", map[string]string{"/v1/a.yaml": ">schemas/b.yaml\n", "/v1/schemas/b.yaml": ">c.yaml\n", "/v1/schemas/c.yaml": ""}, []string{"a.yaml", "schemas/b.yaml", "schemas/c.yaml"}},
		{"above it", map[string]string{"/v1/a.yaml": ">../common/b.yaml\n", "/common/b.yaml": ""}, []string{"v1/a.yaml", "common/b.yaml"}},
		{"by an absolute path", map[string]string{"/v1/a.yaml": ">/v1/b.yaml\n", "/v1/b.yaml": ""}, []string{"a.yaml", "b.yaml"}},
		{"in a circle", map[string]string{"/v1/a.yaml": ">b.yaml\n", "/v1/b.yaml": ">a.yaml\n>b.yaml\n"}, []string{"a.yaml", "b.yaml"}},
		{"with a fragment", map[string]string{"/v1/a.yaml": ">b.yaml#/x\n>b.yaml#/y\n>#/z\n", "/v1/b.yaml": ""}, []string{"a.yaml", "b.yaml"}},
		{"what is not there is left out", map[string]string{"/v1/a.yaml": ">gone.yaml\n>b.yaml\n", "/v1/b.yaml": ""}, []string{"a.yaml", "b.yaml"}},
		{"what is no reference is left out", map[string]string{"/v1/a.yaml": ">%zz\n>\n>dir/\n>b.yaml?x=1\n"}, []string{"a.yaml"}},
		{"where the document has moved to", map[string]string{"/v1/a.yaml": "moved /v2/x/a.yaml", "/v2/x/a.yaml": ">b.yaml\n", "/v2/x/b.yaml": ""}, []string{"a.yaml", "b.yaml"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			files, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), site(t, row.documents)+"/v1/a.yaml?key=secret")
			var paths []string
			for _, f := range files {
				paths = append(paths, f.Path)
			}
			if diff := cmp.Diff(row.want, paths); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if _, err := format.NewSource(files); err != nil {
				t.Errorf("the files are no source: %v", err)
			}
		})
	}
}

func TestOtherHostsAreLeftAlone(t *testing.T) {
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was read", r.URL) })
	port := other[strings.LastIndexByte(other, ':'):]
	base := site(t, map[string]string{"/a.yaml": strings.Join([]string{
		">" + other + "/b.yaml", ">//127.0.0.1" + port + "/b.yaml", ">http://169.254.169.254/latest", ">file:///etc/passwd",
		">https://" + strings.TrimPrefix(other, "http://") + "/b.yaml", "",
	}, "\n")})
	files, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), base+"/a.yaml")
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
}

func TestAFailingReferenceFailsAll(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b.yaml" {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		_, _ = w.Write([]byte(">b.yaml\n"))
	})
	_, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), base+"/a.yaml")
	if fault.ReasonOf(err) != fault.ReasonDocumentUnreachable || fault.From(err).Meta()["url"] != base+"/b.yaml" {
		t.Errorf("Fetch: %v, %v", err, fault.From(err).Meta())
	}
}

func TestReferencesHaveLimits(t *testing.T) {
	for _, row := range []struct {
		name   string
		files  int
		size   int
		reason fault.Reason
	}{
		{"as many as there may be", format.MaxFiles, 0, ""},
		{"one too many", format.MaxFiles + 1, 0, fault.ReasonDocumentTooLarge},
		{"as much as there may be", 4, core.MaxSourceBytes / 4, ""},
		{"one byte too much", 4, core.MaxSourceBytes/4 + 1, fault.ReasonDocumentTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			base := serve(t, func(w http.ResponseWriter, r *http.Request) {
				var index bytes.Buffer
				if r.URL.Path == "/0" {
					for i := range row.files {
						fmt.Fprintf(&index, ">%d\n", i)
					}
				}
				index.Write(bytes.Repeat([]byte("\n"), max(row.size-index.Len(), 0)))
				_, _ = w.Write(index.Bytes())
			})
			files, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), base+"/0")
			if fault.ReasonOf(err) != row.reason || err == nil && len(files) != row.files {
				t.Errorf("%d files, %v", len(files), err)
			}
		})
	}
}

func TestFilesKnowWhereTheyWereFound(t *testing.T) {
	base := site(t, map[string]string{"/v1/": ">b.yaml\n", "/v1/b.yaml": "", "/old.yaml": "moved /v1/?key=secret"})
	for name, from := range map[string]string{"a directory": "/v1/?key=secret", "a redirect": "/old.yaml"} {
		t.Run(name, func(t *testing.T) {
			files, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), base+from)
			var got []string
			for _, f := range files {
				got = append(got, f.Path+" "+strings.TrimPrefix(f.URL, base))
			}
			if diff := cmp.Diff([]string{"document /v1/", "b.yaml /v1/b.yaml"}, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestADocumentThatHasMovedToAnotherHostIsNotThere(t *testing.T) {
	other := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("secret")) })
	base := site(t, map[string]string{"/a.yaml": ">b.yaml\n", "/b.yaml": "moved " + other + "/b.yaml"})
	files, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), base+"/a.yaml")
	if err != nil || len(files) != 1 {
		t.Errorf("%d files, %v", len(files), err)
	}
}
