package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

// engines are the key-value stores that the suite runs on.
var engines = map[string]func(t *testing.T) kv.Store{
	"memory": func(*testing.T) kv.Store { return memkv.New() },
	"bolt": func(t *testing.T) kv.Store {
		s, err := boltkv.Open(filepath.Join(t.TempDir(), "registry.db"), boltkv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// onEveryEngine runs a test on a new store of each engine.
func onEveryEngine(t *testing.T, test func(t *testing.T, s *store.Store, raw kv.Store)) {
	t.Helper()
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			raw := open(t)
			t.Cleanup(func() {
				if err := raw.Close(); err != nil {
					t.Error(err)
				}
			})
			test(t, store.New(raw, announce), raw)
		})
	}
}

func announce(c core.Connector) outbox.Message {
	return outbox.Message{ID: c.Name.String() + c.Etag(), Subject: "changed." + c.Name.ID, Data: []byte(c.Published)}
}

var (
	env     = resource.Environment{ID: "default"}
	crm     = resource.Connector{Environment: "default", ID: "crm"}
	created = time.Date(2026, 3, 1, 12, 0, 0, 123, time.UTC)
)

func revisionOf(c resource.Connector, id string) resource.Revision {
	return resource.Revision{Environment: c.Environment, Connector: c.ID, ID: id}
}

// content has a value in every member of a definition.
func content(operations int) core.Content {
	def := &connectorv1.Definition{
		Info:            &connectorv1.Info{Title: "CRM"},
		Servers:         []*connectorv1.Server{{UrlTemplate: "https://a.example"}},
		Schemas:         []*connectorv1.Schema{{Name: "A", Json: []byte("{}")}, {Name: "B", Json: []byte("true")}},
		SecuritySchemes: []*connectorv1.SecurityScheme{{Id: "k"}},
		ParameterSets:   []*connectorv1.ParameterSet{{Name: "default"}},
		Policies:        []*connectorv1.Policy{{TemplateId: "setheader"}},
		Scripts:         []*connectorv1.Script{{Language: "csharp"}},
		ConnectionTest:  &connectorv1.ConnectionTest{OperationId: "o0"},
		Extensions:      []*connectorv1.Extension{{Name: "x-a", Json: []byte("1")}},
		Tags:            []*connectorv1.Tag{{Name: "t"}},
		FilePicker:      &connectorv1.FilePicker{ItemsPath: "value"},
		RateLimits: []*connectorv1.RateLimit{{
			Scope: connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTOR, Calls: 7, PeriodSeconds: 60,
		}},
		ErrorRules: []*connectorv1.ErrorRule{{Statuses: []string{"4XX"}, Reason: "UPSTREAM_GONE"}},
	}
	for i := range operations {
		def.Operations = append(def.Operations, &connectorv1.Operation{OperationId: fmt.Sprintf("o%d", i), Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION})
	}
	return core.Content{
		Definition: def,
		Findings:   []format.Finding{{Severity: format.Warning, Code: "C", Message: "m", Remedy: "r", Path: "p", Pointer: "/a", Line: 1, Column: 2}},
		Files: []format.File{
			{Path: "dir/a.json", Content: bytes.Repeat([]byte("compressible "), 1000)},
			{Path: "empty", Content: []byte{}},
			{Path: "icon.png", Content: []byte("\x89PNG\x00\xff")},
		},
	}
}

// add stores a revision of a connector, which it stores as well.
func add(t *testing.T, s *store.Store, c resource.Connector, sequence uint64, id string, operations int) core.Revision {
	t.Helper()
	packed, err := s.Pack(content(operations))
	if err != nil {
		t.Fatal(err)
	}
	r := core.Revision{
		Name: revisionOf(c, id), Sequence: sequence, State: core.Draft, Format: format.OpenAPI2, Title: "CRM", Description: "D",
		Actions: operations, Files: 3, Created: created, SourceBytes: 42, URL: "https://u.example",
		Card:   core.Card{Publisher: "P", Categories: []string{"C"}, Authentication: []string{"none"}, HasIcon: true},
		Edited: true, Selection: core.Selection{Only: []string{"o*"}, Except: []string{"o1"}}, Note: "N",
	}
	update(t, s, func(tx core.Tx) error {
		if err := tx.PutConnector(core.Connector{Name: c, Title: "CRM", Latest: id, Sequence: sequence, Created: created, Updated: created}); err != nil {
			return err
		}
		return tx.PutRevision(r, packed)
	})
	return r
}

func update(t *testing.T, s *store.Store, fn func(core.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, s *store.Store, fn func(core.Reader)) {
	t.Helper()
	if err := s.View(t.Context(), func(r core.Reader) error { fn(r); return nil }); err != nil {
		t.Fatal(err)
	}
}

func TestWhoseAConnectorWasIsKnownUntilItIsMadeAnew(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		of := core.Ownership{Owner: "ann", Editors: []string{"bob", "eve"}}
		c := core.Connector{Name: crm, Ownership: of}
		former := func(want core.Ownership, missing bool) {
			t.Helper()
			view(t, s, func(reader core.Reader) {
				got, err := reader.Former(crm)
				if diff := cmp.Diff(want, got); diff != "" || errors.Is(err, core.ErrNotFound) != missing {
					t.Errorf("%v (-want +got):\n%s", err, diff)
				}
			})
		}
		former(core.Ownership{}, true)
		update(t, s, func(tx core.Tx) error { return tx.PutConnector(c) })
		view(t, s, func(reader core.Reader) {
			if diff := cmp.Diff(c, must[core.Connector](t)(reader.Connector(crm))); diff != "" {
				t.Errorf("connector (-want +got):\n%s", diff)
			}
		})
		former(core.Ownership{}, true)
		update(t, s, func(tx core.Tx) error { return tx.DeleteConnector(c) })
		former(of, false)
		update(t, s, func(tx core.Tx) error { return tx.PutConnector(c) })
		former(core.Ownership{}, true)
	})
}

// must is for results that a test cannot go on without.
func must[T any](t *testing.T) func(v T, err error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestARevisionComesBackAsItWas(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		want := content(3)
		r := add(t, s, crm, 1, "r1", 3)
		view(t, s, func(reader core.Reader) {
			if diff := cmp.Diff(r, must[core.Revision](t)(reader.Revision(r.Name))); diff != "" {
				t.Errorf("revision (-want +got):\n%s", diff)
			}
			def := must[*connectorv1.Definition](t)(reader.Definition(r))
			if diff := cmp.Diff(want.Definition, def, protocmp.Transform()); diff != "" {
				t.Errorf("definition (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.Findings, must[[]format.Finding](t)(reader.Findings(r.Name))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.Files, must[[]format.File](t)(reader.Source(r))); diff != "" {
				t.Errorf("source (-want +got):\n%s", diff)
			}
		})
	})
}

func TestAConnectionNeedsNoOperations(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		r := add(t, s, crm, 1, "r1", 3)
		want := content(0).Definition
		want.Schemas, want.Scripts, want.Extensions, want.Tags, want.FilePicker = nil, nil, nil, nil, nil
		want.RateLimits, want.ErrorRules = nil, nil
		view(t, s, func(reader core.Reader) {
			got := must[*connectorv1.Definition](t)(reader.Connection(r.Name))
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("connection (-want +got):\n%s", diff)
			}
		})
	})
}

// What operations need from an identity provider is asked for when somebody signs in.
func TestAConnectionKnowsTheScopesThatOperationsNeedFromOpenIDConnect(t *testing.T) {
	s := store.New(memkv.New(), announce)
	op := func(id string, schemes ...*connectorv1.SchemeReference) *connectorv1.Operation {
		return &connectorv1.Operation{OperationId: id, Security: []*connectorv1.SecurityRequirement{{Schemes: schemes}}}
	}
	oidc := func(scopes ...string) *connectorv1.SchemeReference {
		return &connectorv1.SchemeReference{SchemeId: "oidc", Scopes: scopes}
	}
	c := content(0)
	c.Definition.SecuritySchemes = append(c.Definition.SecuritySchemes,
		&connectorv1.SecurityScheme{Id: "oidc", Kind: &connectorv1.SecurityScheme_OpenIdConnect{OpenIdConnect: &connectorv1.OpenIdConnectScheme{}}},
		&connectorv1.SecurityScheme{Id: "oauth", Kind: &connectorv1.SecurityScheme_Oauth2{Oauth2: &connectorv1.OAuth2Scheme{}}})
	elsewhere := []*connectorv1.Server{{UrlTemplate: "https://b.example"}}
	c.Definition.Operations = []*connectorv1.Operation{
		op("list", oidc("read")), op("get", oidc("read")),
		op("create", oidc("read", "write"), &connectorv1.SchemeReference{SchemeId: "oauth", Scopes: []string{"all"}}),
		op("public"),
		{OperationId: "upload", Servers: elsewhere},
	}
	packed, err := s.Pack(c)
	if err != nil {
		t.Fatal(err)
	}
	var def connectorv1.Definition
	for _, part := range packed {
		if part.Name == "connection" {
			if err := proto.Unmarshal(part.Value[1:], &def); err != nil { // after the version
				t.Fatal(err)
			}
		}
	}
	want := []*connectorv1.Operation{op("list", oidc("read")), op("create", oidc("write")), {OperationId: "upload", Servers: elsewhere}}
	if diff := cmp.Diff(want, def.GetOperations(), protocmp.Transform()); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestNoMemberOfADefinitionIsForgotten(t *testing.T) {
	def := content(1).Definition.ProtoReflect()
	fields := def.Descriptor().Fields()
	for i := range fields.Len() {
		if !def.Has(fields.Get(i)) {
			t.Errorf("the test content has no %s: give it one, and see that the store keeps it", fields.Get(i).Name())
		}
	}
	// Each member is in exactly one part: merging the parts must not double it.
	s := store.New(memkv.New(), announce)
	r := add(t, s, crm, 1, "r1", 1)
	view(t, s, func(reader core.Reader) {
		got := must[*connectorv1.Definition](t)(reader.Definition(r)).ProtoReflect()
		got.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			if f.IsList() && v.List().Len() != def.Get(f).List().Len() {
				t.Errorf("%s has %d elements, want %d", f.Name(), v.List().Len(), def.Get(f).List().Len())
			}
			return true
		})
	})
}

func TestOperationsAreReadPageByPage(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		r := add(t, s, crm, 1, "r1", 1203) // more than two pages of the store
		add(t, s, crm, 2, "r2", 5)         // keys that come right after
		view(t, s, func(reader core.Reader) {
			for _, row := range []struct{ from, limit, want int }{{0, 1203, 1203}, {0, 5000, 1203}, {0, 1, 1}, {7, 10, 10}, {1200, 10, 3}, {1203, 10, 0}, {9999, 10, 0}, {0, 0, 0}} {
				list := must[[]*connectorv1.Operation](t)(reader.Operations(r.Name, row.from, row.limit))
				if len(list) != row.want {
					t.Fatalf("%d operations from %d with limit %d, want %d", len(list), row.from, row.limit, row.want)
				}
				for i, op := range list {
					if want := fmt.Sprintf("o%d", row.from+i); op.GetOperationId() != want {
						t.Fatalf("operation %d is %s, want %s", i, op.GetOperationId(), want)
					}
				}
			}
		})
	})
}

func TestConnectorsAreListedInOrder(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		for _, id := range []string{"b", "a-1", "a", "a1", "z"} {
			update(t, s, func(tx core.Tx) error {
				return tx.PutConnector(core.Connector{Name: resource.Connector{Environment: "default", ID: id}})
			})
		}
		update(t, s, func(tx core.Tx) error {
			return tx.PutConnector(core.Connector{Name: resource.Connector{Environment: "default2", ID: "a"}})
		})
		view(t, s, func(reader core.Reader) {
			for _, row := range []struct {
				after string
				limit int
				want  string
			}{{"", 10, "a a-1 a1 b z"}, {"", 2, "a a-1"}, {"a", 2, "a-1 a1"}, {"aa", 10, "b z"}, {"z", 10, ""}} {
				var ids []string
				for _, c := range must[[]core.Connector](t)(reader.Connectors(env, row.after, row.limit)) {
					ids = append(ids, c.Name.ID)
				}
				if got := strings.Join(ids, " "); got != row.want {
					t.Errorf("after %q: %q, want %q", row.after, got, row.want)
				}
			}
		})
	})
}

func TestRevisionsAreListedNewestFirst(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		for i := range 12 {
			add(t, s, crm, uint64(i+1), fmt.Sprintf("r%d", i+1), 1)
		}
		add(t, s, resource.Connector{Environment: "default", ID: "crm-2"}, 1, "other", 1)
		view(t, s, func(reader core.Reader) {
			for _, row := range []struct {
				before uint64
				limit  int
				want   string
			}{{0, 3, "r12 r11 r10"}, {10, 3, "r9 r8 r7"}, {2, 3, "r1"}, {1, 3, ""}} {
				var ids []string
				for _, r := range must[[]core.Revision](t)(reader.Revisions(crm, row.before, row.limit)) {
					ids = append(ids, r.Name.ID)
				}
				if got := strings.Join(ids, " "); got != row.want {
					t.Errorf("before %d: %q, want %q", row.before, got, row.want)
				}
			}
		})
	})
}

func TestDeletingLeavesNothingButWhoseItWas(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, raw kv.Store) {
		other := resource.Connector{Environment: "default", ID: "crm-2"}
		kept := add(t, s, other, 1, "kept", 2)
		before := keys(t, raw)
		add(t, s, crm, 1, "r1", 2)
		add(t, s, crm, 2, "r2", 700)
		update(t, s, func(tx core.Tx) error {
			c, err := tx.Connector(crm)
			if err != nil {
				return err
			}
			return tx.DeleteConnector(c)
		})
		left := slices.DeleteFunc(keys(t, raw), func(key string) bool { return key == "f/default/crm" })
		if diff := cmp.Diff(before, left); diff != "" {
			t.Errorf("keys (-before +after):\n%s", diff)
		}
		view(t, s, func(reader core.Reader) {
			if _, err := reader.Connector(crm); !errors.Is(err, core.ErrNotFound) {
				t.Errorf("the connector: %v", err)
			}
			if _, err := reader.Revision(revisionOf(crm, "r1")); !errors.Is(err, core.ErrNotFound) {
				t.Errorf("its revision: %v", err)
			}
			must[*connectorv1.Definition](t)(reader.Definition(kept))
		})
	})
}

func keys(t *testing.T, raw kv.Store) []string {
	t.Helper()
	var list []string
	err := raw.View(t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, nil, 100) {
			if err != nil {
				return err
			}
			list = append(list, string(p.Key))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestAnnouncementsAreCommittedWithTheState(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, raw kv.Store) {
		failed := errors.New("no")
		err := s.Update(t.Context(), func(tx core.Tx) error {
			if err := tx.PutConnector(core.Connector{Name: crm}); err != nil {
				return err
			}
			if err := tx.Announce(core.Connector{Name: crm}); err != nil {
				return err
			}
			return failed
		})
		if !errors.Is(err, failed) || len(keys(t, raw)) != 0 {
			t.Errorf("after a failure: %v, keys %q", err, keys(t, raw))
		}
		update(t, s, func(tx core.Tx) error { return tx.Announce(core.Connector{Name: crm}) })
		list := keys(t, raw)
		if len(list) == 0 || !strings.HasPrefix(list[0], outbox.Prefix) {
			t.Errorf("keys %q, want one of the outbox", list)
		}
	})
}

func TestStatesAreStored(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, s *store.Store, _ kv.Store) {
		r := add(t, s, crm, 1, "r1", 1)
		r.State = core.Published
		update(t, s, func(tx core.Tx) error { return tx.PutState(r) })
		view(t, s, func(reader core.Reader) {
			if got := must[core.Revision](t)(reader.Revision(r.Name)); got.State != core.Published {
				t.Errorf("state %q", got.State)
			}
		})
	})
}

func TestRecordsOfOtherVersionsAreRefused(t *testing.T) {
	raw := memkv.New()
	s := store.New(raw, announce)
	r := add(t, s, crm, 1, "r1", 1)
	err := raw.Update(t.Context(), func(tx kv.Tx) error {
		for p, err := range kv.All(tx, nil, 100) {
			if err != nil {
				return err
			}
			p.Value[0] = 99
			if err := tx.Put(p.Key, p.Value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	view(t, s, func(reader core.Reader) {
		for name, read := range map[string]func() error{
			"connector":   func() error { _, err := reader.Connector(crm); return err },
			"connectors":  func() error { _, err := reader.Connectors(env, "", 10); return err },
			"revision":    func() error { _, err := reader.Revision(r.Name); return err },
			"revisions":   func() error { _, err := reader.Revisions(crm, 0, 10); return err },
			"findings":    func() error { _, err := reader.Findings(r.Name); return err },
			"connection":  func() error { _, err := reader.Connection(r.Name); return err },
			"definition":  func() error { _, err := reader.Definition(r); return err },
			"operations":  func() error { _, err := reader.Operations(r.Name, 0, 10); return err },
			"source file": func() error { _, err := reader.Source(r); return err },
		} {
			if err := read(); err == nil || errors.Is(err, core.ErrNotFound) || !strings.Contains(err.Error(), "another version") {
				t.Errorf("%s of another version: %v", name, err)
			}
		}
	})
}

func TestDamagedFilesAreRefused(t *testing.T) {
	raw := memkv.New()
	s := store.New(raw, announce)
	r := add(t, s, crm, 1, "r1", 1)
	key := []byte("p/default/crm/r1/file/0000")
	var good []byte
	if err := raw.View(t.Context(), func(reader kv.Reader) (err error) { good, err = reader.Get(key); return err }); err != nil {
		t.Fatal(err)
	}
	if len(good) > 1000 {
		t.Errorf("13,000 repetitive bytes are stored in %d", len(good))
	}
	for n := range len(good) {
		if err := raw.Update(t.Context(), func(tx kv.Tx) error { return tx.Put(key, good[:n]) }); err != nil {
			t.Fatal(err)
		}
		if err := s.View(t.Context(), func(reader core.Reader) error { _, err := reader.Source(r); return err }); err == nil {
			t.Fatalf("the first %d of %d bytes are read as a file", n, len(good))
		}
	}
}

func TestEncodingIsDeterministic(t *testing.T) {
	s := store.New(memkv.New(), announce)
	c := content(2)
	c.Definition.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{{Oauth: &connectorv1.OAuthSettings{
		CustomParameters: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"},
	}}}
	first := must[core.Packed](t)(s.Pack(c))
	c.Definition = proto.CloneOf(c.Definition)
	for range 20 {
		if diff := cmp.Diff(first, must[core.Packed](t)(s.Pack(c))); diff != "" {
			t.Fatalf("the same content is packed differently:\n%s", diff)
		}
	}
}

func TestADoneContextStartsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := store.New(memkv.New(), announce)
	if err := s.View(ctx, func(core.Reader) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("View: %v", err)
	}
	if err := s.Update(ctx, func(core.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Update: %v", err)
	}
}
