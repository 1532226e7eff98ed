package core_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

var (
	env    = resource.Environment{ID: "default"}
	crm    = resource.Connector{Environment: "default", ID: "crm"}
	latest = resource.Revision{Environment: "default", Connector: "crm", ID: "latest"}
	now    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

// rig is a registry with its store and what it announced.
type rig struct {
	owned

	t         *testing.T
	clock     *clocktest.Fake
	raw       *memkv.Store
	committed int
	urls      map[string]string // what the fetcher finds
	mu        sync.Mutex
	announced []string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, clock: clocktest.New(now), raw: memkv.New(), urls: map[string]string{}}
	t.Cleanup(func() { _ = r.raw.Close() })
	r.owned = owned{core.New(core.Deps{
		Store: store.New(r.raw, r.announce), Fetcher: r, Importers: importer.All(), Tools: simple(), Clock: r.clock,
		Committed: func() { r.mu.Lock(); r.committed++; r.mu.Unlock() }, Imports: 2,
	})}
	return r
}

func (r *rig) announce(c core.Connector) outbox.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.announced = append(r.announced, c.Name.ID+":"+c.Published)
	return outbox.Message{ID: c.Etag(), Subject: "changed"}
}

// Fetch makes the rig a fetcher.
func (r *rig) Fetch(_ context.Context, url string) ([]format.File, string, error) {
	content, ok := r.urls[url]
	if !ok {
		return nil, "", fault.Precondition(fault.ReasonDocumentUnreachable, "nothing at %q", url)
	}
	return []format.File{{Path: "fetched.json", Content: []byte(content)}}, "shown", nil
}

// swagger is a document with a title and n actions and a trigger.
func swagger(title string, n int) []format.File {
	var paths strings.Builder
	for i := range n {
		fmt.Fprintf(&paths, `"/p%d":{"get":{"operationId":"o%d"}},`, i, i)
	}
	return []format.File{{Path: "a.json", Content: []byte(`{"swagger":"2.0","info":{"title":"` + title + `","description":"About ` + title + `"},"host":"h.example","paths":{` + paths.String() + `"/t":{"get":{"operationId":"t","x-ms-trigger":"batch"}}}}`)}}
}

func (r *rig) mustImport(req core.ImportRequest) core.Outcome {
	r.t.Helper()
	if req.Environment.ID == "" {
		req.Environment = env
	}
	out, err := r.Import(r.t.Context(), req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.clock.Advance(time.Minute)
	return out
}

func (r *rig) connector(name resource.Connector) core.Connector {
	r.t.Helper()
	c, err := r.GetConnector(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func TestTheFirstImportCreatesAndPublishes(t *testing.T) {
	r := newRig(t)
	out := r.mustImport(core.ImportRequest{Files: swagger("My CRM", 2)})
	if !out.Created || out.Revision.State != core.Published || out.Revision.Sequence != 1 {
		t.Errorf("imported %+v", out)
	}
	want := core.Connector{
		Name: resource.Connector{Environment: "default", ID: "my-crm"}, Title: "My CRM", Description: "About My CRM", Format: format.OpenAPI2,
		Actions: 2, Triggers: 1, Published: out.Revision.Name.ID, Latest: out.Revision.Name.ID, Created: now, Updated: now, Generation: 1, Sequence: 1,
		Card: core.Card{Authentication: []string{"none"}}, Ownership: core.Ownership{Owner: "ann"},
	}
	if diff := cmp.Diff(want, r.connector(want.Name)); diff != "" {
		t.Errorf("connector (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"my-crm:" + out.Revision.Name.ID}, r.announced); diff != "" || r.committed != 1 {
		t.Errorf("committed %d times, announced (-want +got):\n%s", r.committed, diff)
	}
	if id := out.Revision.Name.ID; len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		t.Errorf("revision id %q", id)
	}
}

func TestImportingTheSameAgainChangesNothing(t *testing.T) {
	r := newRig(t)
	first := r.mustImport(core.ImportRequest{Files: swagger("CRM", 1)})
	before := r.connector(crm)
	again := r.mustImport(core.ImportRequest{Files: swagger("CRM", 1), Intent: core.Intent{Publish: core.PublishAlways}})
	if again.Created || again.Revision.Name != first.Revision.Name || len(again.Findings) != len(first.Findings) {
		t.Errorf("imported again: %+v", again)
	}
	if diff := cmp.Diff(before, r.connector(crm)); diff != "" {
		t.Errorf("connector (-before +after):\n%s", diff)
	}
	if len(r.announced) != 1 {
		t.Errorf("announced %q", r.announced)
	}
}

func TestLaterImportsAreDraftsUntilTheyArePublished(t *testing.T) {
	r := newRig(t)
	first := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("One", 1)})
	second := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("Two", 2)})
	c := r.connector(crm)
	if second.Revision.State != core.Draft || c.Published != first.Revision.Name.ID || c.Latest != second.Revision.Name.ID || c.Title != "One" {
		t.Errorf("after the second import: %+v", c)
	}
	published, err := r.Publish(t.Context(), second.Revision.Name, false)
	c = r.connector(crm)
	if err != nil || published.State != core.Published || c.Published != second.Revision.Name.ID || c.Title != "Two" || c.Actions != 2 {
		t.Errorf("after publishing: %+v, %v", c, err)
	}
	// The first may still be pinned: it stays published.
	d, err := r.GetRevision(t.Context(), first.Revision.Name, core.Basic)
	if err != nil || d.State != core.Published {
		t.Errorf("the first revision: %+v, %v", d.Revision, err)
	}
	etag := c.Etag()
	if _, err := r.Publish(t.Context(), second.Revision.Name, false); err != nil || r.connector(crm).Etag() != etag {
		t.Errorf("publishing again: %v", err)
	}
	third := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("Three", 3), Intent: core.Intent{Publish: core.PublishAlways}})
	if c = r.connector(crm); c.Published != third.Revision.Name.ID || c.Title != "Three" {
		t.Errorf("after an import that publishes: %+v", c)
	}
	back := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("One", 1), Intent: core.Intent{Publish: core.PublishAlways, AllowBreaking: true}})
	if c = r.connector(crm); back.Created || c.Published != first.Revision.Name.ID || c.Latest != third.Revision.Name.ID {
		t.Errorf("after going back: %+v", c)
	}
}

func TestRevisionsAreNamedByTheirContent(t *testing.T) {
	base := []format.File{swagger("CRM", 1)[0], {Path: "readme.md", Content: []byte("x")}}
	with := func(change func(files []format.File) []format.File) []format.File {
		return change([]format.File{base[0], base[1]})
	}
	variants := map[string][]format.File{
		"as it is":                base,
		"other text beside it":    with(func(f []format.File) []format.File { f[1].Content = []byte("y"); return f }),
		"another name beside it":  with(func(f []format.File) []format.File { f[1].Path = "README.md"; return f }),
		"nothing beside it":       base[:1],
		"white space":             with(func(f []format.File) []format.File { f[0].Content = append([]byte(" "), f[0].Content...); return f }),
		"another definition":      {swagger("CRM", 2)[0], base[1]},
		"content moved elsewhere": with(func(f []format.File) []format.File { f[1].Path, f[1].Content = "readme.m", []byte("dx"); return f }),
	}
	seen := map[string]string{}
	for name, files := range variants {
		out := newRig(t).mustImport(core.ImportRequest{Files: files})
		if other, ok := seen[out.Revision.Name.ID]; ok {
			t.Errorf("%q and %q have the same id", name, other)
		}
		seen[out.Revision.Name.ID] = name
	}
	r := newRig(t)
	one := r.mustImport(core.ImportRequest{ID: "a", Files: base})
	two := r.mustImport(core.ImportRequest{ID: "b", Files: []format.File{base[1], base[0]}})
	if one.Revision.Name.ID != two.Revision.Name.ID {
		t.Error("the order of files, the connector or the time is part of the id")
	}
}

func TestImportByURL(t *testing.T) {
	r := newRig(t)
	r.urls["https://h.example/a.json?key=1"] = string(swagger("CRM", 1)[0].Content)
	out := r.mustImport(core.ImportRequest{URL: "https://h.example/a.json?key=1"})
	files, rev, err := r.GetSource(t.Context(), out.Revision.Name)
	if err != nil || rev.URL != "shown" || len(files) != 1 || files[0].Path != "fetched.json" || rev.SourceBytes != int64(len(files[0].Content)) {
		t.Errorf("source %v, %+v, %v", files, rev, err)
	}
	_, err = r.Import(t.Context(), core.ImportRequest{Environment: env, URL: "https://h.example/b.json"})
	if fault.ReasonOf(err) != fault.ReasonDocumentUnreachable {
		t.Errorf("nothing there: %v", err)
	}
}

func TestBadInputChangesNothing(t *testing.T) {
	good := string(swagger("CRM", 1)[0].Content)
	file := func(content string) []format.File { return []format.File{{Path: "a.json", Content: []byte(content)}} }
	for _, row := range []struct {
		name   string
		req    core.ImportRequest
		reason fault.Reason
	}{
		{"broken", core.ImportRequest{Files: file("}")}, fault.ReasonDocumentSyntax},
		{"empty", core.ImportRequest{Files: file("")}, fault.ReasonDocumentSyntax},
		{"huge", core.ImportRequest{Files: file(good + strings.Repeat(" ", 64<<20))}, fault.ReasonDocumentTooLarge},
		{"deeply nested", core.ImportRequest{Files: file(`{"swagger":"2.0","paths":{},"x-a":` + strings.Repeat("[", 600) + strings.Repeat("]", 600) + "}")}, fault.ReasonDocumentTooDeep},
		{"binary", core.ImportRequest{Files: file("\x00\x01\xff\xfe")}, fault.ReasonDocumentSyntax},
		{"something else", core.ImportRequest{Files: file(`{"asyncapi":"3.0.0"}`)}, fault.ReasonDocumentFormatUnknown},
		{"an alias bomb", core.ImportRequest{Files: []format.File{{Path: "a.yaml", Content: []byte(bomb())}}}, fault.ReasonDocumentTooLarge},
		{"no operations to be had", core.ImportRequest{Files: file(`{"swagger":"2.0"}`)}, fault.ReasonDocumentInvalid},
		{"no files", core.ImportRequest{}, fault.ReasonInvalidArgument},
		{"a bad id", core.ImportRequest{ID: "My CRM", Files: file(good)}, fault.ReasonInvalidName},
		{"another environment", core.ImportRequest{Environment: resource.Environment{ID: "prod"}, Files: file(good)}, fault.ReasonEnvironmentNotFound},
		{"nothing at the URL", core.ImportRequest{URL: "https://h.example"}, fault.ReasonDocumentUnreachable},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			if row.req.Environment.ID == "" {
				row.req.Environment = env
			}
			_, err := r.Import(t.Context(), row.req)
			if fault.ReasonOf(err) != row.reason {
				t.Errorf("Import: %v, want %s", err, row.reason)
			}
			r.wantNothingStored()
			if row.req.URL == "" && row.req.ID == "" {
				if _, err := r.Validate(t.Context(), core.ValidateRequest{Environment: row.req.Environment, Files: row.req.Files}); fault.ReasonOf(err) != row.reason {
					t.Errorf("Validate: %v, want %s", err, row.reason)
				}
			}
		})
	}
}

func bomb() string {
	text := "swagger: '2.0'\npaths: {}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 8 {
		text += fmt.Sprintf("a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	return text
}

func (r *rig) wantNothingStored() {
	r.t.Helper()
	err := r.raw.View(r.t.Context(), func(reader kv.Reader) error {
		pairs, err := reader.Scan(nil, nil, 10)
		if len(pairs) != 0 {
			r.t.Errorf("something was stored: %q", pairs[0].Key)
		}
		return err
	})
	if err != nil || r.committed != 0 {
		r.t.Errorf("committed %d times, %v", r.committed, err)
	}
}

func TestAliasesOfRevisions(t *testing.T) {
	r := newRig(t)
	first := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("One", 1)})
	second := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("Two", 2)})
	for _, row := range []struct {
		id     string
		want   string
		reason fault.Reason
	}{
		{"published", first.Revision.Name.ID, ""},
		{"latest", second.Revision.Name.ID, ""},
		{second.Revision.Name.ID, second.Revision.Name.ID, ""},
		{"0123456789abcdef", "", fault.ReasonRevisionNotFound},
	} {
		name := resource.Revision{Environment: "default", Connector: "crm", ID: row.id}
		d, err := r.GetRevision(t.Context(), name, core.Basic)
		if fault.ReasonOf(err) != row.reason || d.Name.ID != row.want {
			t.Errorf("%s stands for %q, %v", row.id, d.Name.ID, err)
		}
		if _, err := r.Publish(t.Context(), name, true); row.reason != "" && fault.ReasonOf(err) != row.reason {
			t.Errorf("publishing %s: %v", row.id, err)
		}
	}
}

func TestViewsOfARevision(t *testing.T) {
	r := newRig(t)
	out := r.mustImport(core.ImportRequest{Files: swagger("CRM", 3)})
	basic, err := r.GetRevision(t.Context(), out.Revision.Name, core.Basic)
	if err != nil || basic.Definition != nil || len(basic.Findings) != len(out.Findings) || len(out.Findings) == 0 {
		t.Errorf("basic: %+v, %v", basic, err)
	}
	connection, err := r.GetRevision(t.Context(), out.Revision.Name, core.Connection)
	if err != nil || connection.Definition.GetInfo().GetTitle() != "CRM" || len(connection.Definition.GetParameterSets()) != 1 || connection.Definition.GetOperations() != nil {
		t.Errorf("connection: %+v, %v", connection, err)
	}
	full, err := r.GetRevision(t.Context(), out.Revision.Name, core.Full)
	if err != nil || len(full.Definition.GetOperations()) != 4 {
		t.Errorf("full: %+v, %v", full, err)
	}
}

func TestConnectorsAreListedAndFiltered(t *testing.T) {
	r := newRig(t)
	for i := range 25 {
		r.mustImport(core.ImportRequest{ID: fmt.Sprintf("c-%02d", i), Files: swagger([]string{"Sales CRM", "Weather"}[i%2], 1)})
	}
	for _, row := range []struct {
		name, filter, after string
		limit               int
		first               string
		count               int
		more                bool
	}{
		{"all", "", "", 100, "c-00", 25, false},
		{"a page", "", "", 10, "c-00", 10, true},
		{"the next page", "", "c-09", 10, "c-10", 10, true},
		{"the last page", "", "c-19", 10, "c-20", 5, false},
		{"exactly all", "", "", 25, "c-00", 25, false},
		{"by a word of the title", "weather", "", 100, "c-01", 12, false},
		{"by several words in any order and case", "CRM sAl", "", 100, "c-00", 13, false},
		{"by the description", "about", "", 3, "c-00", 3, true},
		{"by the id", "c-07", "", 3, "c-07", 1, false},
		{"a page of matches", "weather", "c-01", 2, "c-03", 2, true},
		{"all words have to be there", "weather crm", "", 10, "", 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			list, more, err := r.ListConnectors(t.Context(), env, row.filter, row.after, row.limit)
			if err != nil || len(list) != row.count || more != row.more || row.count > 0 && list[0].Name.ID != row.first {
				t.Errorf("%d connectors, more %t, %v", len(list), more, err)
			}
		})
	}
}

func TestRevisionsAndOperationsAreListed(t *testing.T) {
	r := newRig(t)
	var last core.Outcome
	for i := range 5 {
		last = r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", i+1)})
	}
	list, more, err := r.ListRevisions(t.Context(), crm, 0, 2)
	if err != nil || !more || len(list) != 2 || list[0].Sequence != 5 || list[1].Sequence != 4 {
		t.Errorf("first page %v, more %t, %v", list, more, err)
	}
	list, more, err = r.ListRevisions(t.Context(), crm, 3, 2)
	if err != nil || more || len(list) != 2 || list[1].Sequence != 1 {
		t.Errorf("last page %v, more %t, %v", list, more, err)
	}
	operations, rev, more, err := r.ListOperations(t.Context(), last.Revision.Name, 2, 3)
	if err != nil || !more || len(operations) != 3 || operations[0].GetOperationId() != "o2" || rev.Name != last.Revision.Name {
		t.Errorf("operations %v, more %t, %v", operations, more, err)
	}
	if operations, _, more, _ = r.ListOperations(t.Context(), last.Revision.Name, 5, 3); more || len(operations) != 1 {
		t.Errorf("last operations %v, more %t", operations, more)
	}
}

func TestDeletingAConnector(t *testing.T) {
	r := newRig(t)
	first := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
	etag := r.connector(crm).Etag()
	err := r.Delete(t.Context(), crm, "other")
	if fault.ReasonOf(err) != fault.ReasonEtagMismatch || fault.CodeOf(err) != fault.CodeAborted || fault.From(err).Meta()["etag"] != etag {
		t.Errorf("with another etag: %v", err)
	}
	if err := r.Delete(t.Context(), crm, etag); err != nil {
		t.Fatal(err)
	}
	if last := r.announced[len(r.announced)-1]; last != "crm:" {
		t.Errorf("announced %q", last)
	}
	if _, err := r.GetConnector(t.Context(), crm); fault.ReasonOf(err) != fault.ReasonConnectorNotFound {
		t.Errorf("after deleting: %v", err)
	}
	if _, err := r.GetRevision(t.Context(), first.Revision.Name, core.Basic); fault.ReasonOf(err) != fault.ReasonConnectorNotFound {
		t.Errorf("its revision: %v", err)
	}
	again := r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1)})
	if c := r.connector(crm); !again.Created || c.Etag() == etag {
		t.Errorf("imported anew: %+v", c)
	}
}

func TestWhatDoesNotExist(t *testing.T) {
	r := newRig(t)
	nobody := resource.Revision{Environment: "default", Connector: "nobody", ID: "latest"}
	elsewhere := resource.Revision{Environment: "prod", Connector: "crm", ID: "latest"}
	for name, row := range map[string]struct {
		call   func() error
		reason fault.Reason
	}{
		"a connector":    {func() error { _, err := r.GetConnector(t.Context(), nobody.Parent()); return err }, fault.ReasonConnectorNotFound},
		"its revision":   {func() error { _, err := r.GetRevision(t.Context(), nobody, core.Full); return err }, fault.ReasonConnectorNotFound},
		"its revisions":  {func() error { _, _, err := r.ListRevisions(t.Context(), nobody.Parent(), 0, 1); return err }, fault.ReasonConnectorNotFound},
		"its operations": {func() error { _, _, _, err := r.ListOperations(t.Context(), nobody, 0, 1); return err }, fault.ReasonConnectorNotFound},
		"its source":     {func() error { _, _, err := r.GetSource(t.Context(), nobody); return err }, fault.ReasonConnectorNotFound},
		"publishing it":  {func() error { _, err := r.Publish(t.Context(), nobody, false); return err }, fault.ReasonConnectorNotFound},
		"deleting it":    {func() error { return r.Delete(t.Context(), nobody.Parent(), "") }, fault.ReasonConnectorNotFound},
		"an environment": {func() error { _, err := r.GetConnector(t.Context(), elsewhere.Parent()); return err }, fault.ReasonEnvironmentNotFound},
		"an environment's connectors": {func() error {
			_, _, err := r.ListConnectors(t.Context(), elsewhere.Parent().Parent(), "", "", 1)
			return err
		}, fault.ReasonEnvironmentNotFound},
		"an environment's revisions":   {func() error { _, _, err := r.ListRevisions(t.Context(), elsewhere.Parent(), 0, 1); return err }, fault.ReasonEnvironmentNotFound},
		"an environment's revision":    {func() error { _, err := r.GetRevision(t.Context(), elsewhere, core.Basic); return err }, fault.ReasonEnvironmentNotFound},
		"publishing in an environment": {func() error { _, err := r.Publish(t.Context(), elsewhere, false); return err }, fault.ReasonEnvironmentNotFound},
		"deleting from an environment": {func() error { return r.Delete(t.Context(), elsewhere.Parent(), "") }, fault.ReasonEnvironmentNotFound},
		"validating in an environment": {func() error {
			_, err := r.Validate(t.Context(), core.ValidateRequest{Environment: elsewhere.Parent().Parent(), Files: swagger("T", 1)})
			return err
		}, fault.ReasonEnvironmentNotFound},
		"a source in another environment": {func() error { _, _, err := r.GetSource(t.Context(), elsewhere); return err }, fault.ReasonEnvironmentNotFound},
	} {
		if err := row.call(); fault.ReasonOf(err) != row.reason || fault.CodeOf(err) != fault.CodeNotFound {
			t.Errorf("%s: %v, want %s", name, err, row.reason)
		}
	}
}

func TestConcurrentImportsOfTheSameAreOneRevision(t *testing.T) {
	r := newRig(t)
	var wg sync.WaitGroup
	created := make(chan bool, 20)
	for range 20 {
		wg.Go(func() {
			out, err := r.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 1)})
			if err != nil {
				t.Error(err)
			}
			created <- out.Created
		})
	}
	wg.Wait()
	close(created)
	count := 0
	for c := range created {
		if c {
			count++
		}
	}
	if c := r.connector(crm); count != 1 || c.Sequence != 1 || c.Generation != 1 {
		t.Errorf("%d of the imports created it; connector %+v", count, c)
	}
}
