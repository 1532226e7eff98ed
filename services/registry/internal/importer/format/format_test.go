package format_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

func file(path, content string) format.File {
	return format.File{Path: path, Content: []byte(content)}
}

func source(t *testing.T, files ...format.File) *format.Source {
	t.Helper()
	src, err := format.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestFilesAreSortedAndFound(t *testing.T) {
	src := source(t, file("b/Icon.png", "\x89PNG"), file("b/api.JSON", "{}"), file("a.yml", "x: 1"), file("icon.PNG", ""))
	var paths []string
	for _, f := range src.Files() {
		paths = append(paths, f.Path)
	}
	if diff := cmp.Diff([]string{"a.yml", "b/Icon.png", "b/api.JSON", "icon.PNG"}, paths); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b/Icon.png", "icon.PNG"}, src.Named("ICON.png")); diff != "" {
		t.Errorf("Named (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.yml", "b/api.JSON"}, src.Candidates()); diff != "" {
		t.Errorf("Candidates (-want +got):\n%s", diff)
	}
	if src.Bytes() != 10 {
		t.Errorf("Bytes = %d, want 10", src.Bytes())
	}
}

func TestAnOnlyFileIsACandidateWhateverItsName(t *testing.T) {
	if got := source(t, file("swagger", "")).Candidates(); len(got) != 1 {
		t.Errorf("Candidates = %v", got)
	}
}

func TestDocumentsAreParsedOnce(t *testing.T) {
	src := source(t, file("a.json", "{}"), file("b.json", "no"))
	first, err := src.Document("a.json")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := src.Document("a.json"); again != first {
		t.Error("the document was parsed again")
	}
	_, err = src.Document("b.json")
	if _, again := src.Document("b.json"); fault.ReasonOf(err) != fault.ReasonDocumentSyntax || !errors.Is(again, err) {
		t.Errorf("errors %v and %v", err, again)
	}
	if _, err := src.Document("c.json"); fault.ReasonOf(err) != fault.ReasonDocumentInvalid {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestSourcesThatAreRefused(t *testing.T) {
	many := make([]format.File, format.MaxFiles+1)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i), "")
	}
	big := bytes.Repeat([]byte{'x'}, document.MaxBytes)
	for _, row := range []struct {
		name   string
		files  []format.File
		reason fault.Reason
	}{
		{"no files", nil, fault.ReasonInvalidArgument},
		{"too many files", many, fault.ReasonDocumentTooLarge},
		{"a file that is too large", []format.File{{Path: "a", Content: append(big, 'x')}}, fault.ReasonDocumentTooLarge},
		{"files that are too large together", []format.File{{Path: "a", Content: big}, {Path: "b", Content: big}, {Path: "c", Content: []byte("x")}}, fault.ReasonDocumentTooLarge},
		{"no path", []format.File{file("", "")}, fault.ReasonInvalidArgument},
		{"a path that is too long", []format.File{file(strings.Repeat("x", format.MaxPath+1), "")}, fault.ReasonInvalidArgument},
		{"an absolute path", []format.File{file("/etc/passwd", "")}, fault.ReasonInvalidArgument},
		{"a path out of the directory", []format.File{file("../a", "")}, fault.ReasonInvalidArgument},
		{"a path that goes round", []format.File{file("a/../b", "")}, fault.ReasonInvalidArgument},
		{"a path to the directory itself", []format.File{file("..", "")}, fault.ReasonInvalidArgument},
		{"another separator", []format.File{file(`a\b`, "")}, fault.ReasonInvalidArgument},
		{"a path twice", []format.File{file("a", "1"), file("a", "2")}, fault.ReasonInvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := format.NewSource(row.files)
			if fault.ReasonOf(err) != row.reason || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Errorf("NewSource: %v, want %s", err, row.reason)
			}
		})
	}
}

func TestSourcesAtTheLimitAreAccepted(t *testing.T) {
	many := make([]format.File, format.MaxFiles)
	for i := range many {
		many[i] = file(fmt.Sprintf("f%d", i), "")
	}
	source(t, many...)
	big := bytes.Repeat([]byte{'x'}, document.MaxBytes)
	source(t, format.File{Path: strings.Repeat("x", format.MaxPath), Content: big}, format.File{Path: "b", Content: big})
}

func TestFindingsPointIntoTheirFile(t *testing.T) {
	doc, err := document.Parse("dir/api.json", []byte("{\n \"a\": {\"b\": 1}}"))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	findings.In(doc, format.OneFile).Report(format.Info, "One", doc.Root().At("/a/b"), "", "value %d", 1)
	findings.In(doc, format.SeveralFiles).Report(format.Error, "Two", doc.Root(), "do it", "whole")
	findings.In(doc, format.SeveralFiles).Report(format.Warning, "Three", nil, "", "nowhere")
	want := []format.Finding{
		{Severity: format.Error, Code: "Two", Message: "whole", Remedy: "do it", Path: "dir/api.json", Line: 1, Column: 1},
		{Severity: format.Warning, Code: "Three", Message: "nowhere", Path: "dir/api.json"},
		{Severity: format.Info, Code: "One", Message: "value 1", Pointer: "/a/b", Line: 2, Column: 13},
	}
	if diff := cmp.Diff(want, findings.Sorted()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestRemarksBecomeFindings(t *testing.T) {
	doc, err := document.Parse("a.json", []byte("\ufeff{\"a\":1,\n\"a\":2}"))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	findings.In(doc, format.OneFile).Remarks()
	var got []string
	for _, f := range findings.Sorted() {
		got = append(got, fmt.Sprintf("%d %s %s %d:%d", f.Severity, f.Code, f.Pointer, f.Line, f.Column))
	}
	if diff := cmp.Diff([]string{"2 DuplicateKey /a 2:5", "1 ByteOrderMark  1:1"}, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestEveryRepairSaysWhatItDidAndWhereAndHowToAvoidIt(t *testing.T) {
	const content = "{'a': \"x\ty\\d\", b: string /* c */, \"c\": [1,,2 3,], \"d\" {\"e\": }, \"f\": +1, \"g\": None,\u00a0\"h\": \"y \"z\" y\",\n" +
		"\"i\": \"no end,\n\"j\": {\"k\": [1}},\"l\": \"\xe9\" ]"
	doc, err := document.Parse("a.json", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	findings.In(doc, format.OneFile).Remarks()
	seen := map[string]bool{}
	messages := map[string]bool{}
	for _, f := range findings.Sorted() {
		if f.Severity != format.Warning || f.Message == "" || f.Remedy == "" || f.Line == 0 || f.Column == 0 || f.Message == "the file was repaired" {
			t.Errorf("the finding is incomplete: %+v", f)
		}
		if messages[f.Message] && !seen[f.Code] {
			t.Errorf("%s says the same as another: %s", f.Code, f.Message)
		}
		seen[f.Code], messages[f.Message] = true, true
	}
	if len(seen) != 20 {
		t.Errorf("%d codes: %v", len(seen), seen)
	}
}

func TestRemarksPastTheLimitAreCounted(t *testing.T) {
	doc, err := document.Parse("a.json", []byte("["+strings.Repeat("1,,", 100)+"1]"))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	findings.In(doc, format.OneFile).Remarks()
	list := findings.Sorted()
	if last := list[len(list)-1].Message; len(list) != 50 || !strings.HasSuffix(last, "in 50 more places") {
		t.Errorf("%d findings, the last is %q", len(list), last)
	}
}

func TestTooManyFindingsKeepTheWorst(t *testing.T) {
	doc, err := document.Parse("a.json", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	place := findings.In(doc, format.OneFile)
	for range 2 * format.MaxFindings {
		place.Report(format.Info, "Small", nil, "", "small")
	}
	for range 10 {
		place.Report(format.Warning, "Medium", nil, "", "medium")
	}
	place.Report(format.Error, "Large", nil, "", "large")
	sorted := findings.Sorted()
	if len(sorted) != format.MaxFindings {
		t.Fatalf("%d findings, want %d", len(sorted), format.MaxFindings)
	}
	if sorted[0].Code != "Large" || sorted[10].Code != "Medium" || sorted[11].Code != "Small" {
		t.Errorf("the worst are not first: %s, %s, %s", sorted[0].Code, sorted[10].Code, sorted[11].Code)
	}
	last := sorted[len(sorted)-1]
	if want := fmt.Sprintf("%d more findings are not listed", 2*format.MaxFindings+11-(format.MaxFindings-1)); last.Code != "FindingsOmitted" || last.Message != want {
		t.Errorf("the last finding is %+v, want %q", last, want)
	}
}

func TestFilesAreFoundByWhereTheyWereFetched(t *testing.T) {
	src := source(t, format.File{Path: "b.yaml", URL: "https://a.example/b"}, file("a.yaml", ""), format.File{Path: "c.yaml", URL: "https://a.example/c"})
	if got := src.FetchedFrom("https://a.example/c"); got != "c.yaml" {
		t.Errorf("FetchedFrom = %q", got)
	}
	if got := src.FetchedFrom("https://a.example/d") + src.FetchedFrom("") + src.URL("a.yaml") + src.URL("none"); got != "" {
		t.Errorf("what was not fetched is %q", got)
	}
	if src.URL("b.yaml") != "https://a.example/b" || !src.Has("a.yaml") || src.Has("d.yaml") || src.Has("") {
		t.Errorf("URL = %q, Has = %t, %t", src.URL("b.yaml"), src.Has("a.yaml"), src.Has("d.yaml"))
	}
}
