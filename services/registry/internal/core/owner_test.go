package core_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/store"
)

// The people of the tests, besides ann.
var (
	eva     = core.Actor{Name: "eva"}     // is an editor
	mallory = core.Actor{Name: "mallory"} // is a maker as well
	root    = core.Actor{Name: "root", Administrator: true}
)

// shared returns a registry with a connector of ann's, which she shares with eva:
// published with one action, and a draft with two. A copy of it is in staging.
func shared(t *testing.T) *rig {
	t.Helper()
	r := newRig(t)
	r.mustCreateEnvironment(staging.ID)
	for n := range 2 {
		r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", n+1)})
	}
	r.mustPromote(core.PromoteRequest{Name: latest, Environment: staging})
	r.mustShare(core.Sharing{Name: crm, Add: []string{"eva"}})
	r.mustShare(core.Sharing{Name: crmInStaging, Add: []string{"eva"}})
	return r
}

var crmInStaging = resource.Connector{Environment: staging.ID, ID: "crm"}

func (r *rig) mustShare(s core.Sharing) core.Connector {
	r.t.Helper()
	c, err := r.Registry.Share(r.t.Context(), ann, s)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) mustPromote(req core.PromoteRequest) core.Promoted {
	r.t.Helper()
	out, err := r.Promote(r.t.Context(), req)
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// changing is every use case that changes a connector that exists.
var changing = map[string]func(t *testing.T, g *core.Registry, a core.Actor) error{
	"importing over it": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 3), Intent: core.Intent{Actor: a}})
		return err
	},
	"importing over it without its id": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, Files: swagger("CRM", 3), Intent: core.Intent{Actor: a}})
		return err
	},
	"importing what is published": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 1), Intent: core.Intent{Actor: a}})
		return err
	},
	"trying an import": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, ID: "crm", Files: swagger("CRM", 3), Intent: core.Intent{Actor: a, ValidateOnly: true}})
		return err
	},
	"editing it": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: titled("Mine"), Paths: []string{"info.title"}, Intent: core.Intent{Actor: a}})
		return err
	},
	"trying an edit": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Update(t.Context(), core.UpdateRequest{Name: crm, Patch: titled("Mine"), Paths: []string{"info.title"}, Intent: core.Intent{Actor: a, ValidateOnly: true}})
		return err
	},
	"publishing its draft": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Publish(t.Context(), a, latest, false)
		return err
	},
	"publishing what is published": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Publish(t.Context(), a, resource.Revision{Environment: "default", Connector: "crm", ID: "published"}, true)
		return err
	},
	"deprecating its draft": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Deprecate(t.Context(), a, latest, "")
		return err
	},
	"deleting it": func(t *testing.T, g *core.Registry, a core.Actor) error { return g.Delete(t.Context(), a, crm, "") },
	"promoting into it": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Promote(t.Context(), core.PromoteRequest{Name: inEnvironment(crm, "published"), Environment: staging, Intent: core.Intent{Actor: a}})
		return err
	},
	"trying to promote into it": func(t *testing.T, g *core.Registry, a core.Actor) error {
		_, err := g.Promote(t.Context(), core.PromoteRequest{Name: inEnvironment(crm, "published"), Environment: staging, Intent: core.Intent{Actor: a, ValidateOnly: true}})
		return err
	},
}

func inEnvironment(c resource.Connector, id string) resource.Revision {
	return resource.Revision{Environment: c.Environment, Connector: c.ID, ID: id}
}

func titled(title string) *connectorv1.Definition {
	return &connectorv1.Definition{Info: &connectorv1.Info{Title: title}}
}

func TestAConnectorIsChangedByItsOwnerItsEditorsAndAdministrators(t *testing.T) {
	for method, change := range changing {
		for who, row := range map[string]struct {
			actor core.Actor
			may   bool
		}{
			"its owner":             {ann, true},
			"an editor":             {eva, true},
			"an administrator":      {root, true},
			"another maker":         {mallory, false},
			"nobody":                {core.Actor{}, false},
			"the owner in capitals": {core.Actor{Name: "Ann"}, false},
		} {
			t.Run(method+" as "+who, func(t *testing.T) {
				r := shared(t)
				before := everything(t, r.raw)
				err := change(t, r.Registry, row.actor)
				if row.may {
					if err != nil {
						t.Error(err)
					}
					return
				}
				if fault.CodeOf(err) != fault.CodePermissionDenied || fault.ReasonOf(err) != fault.ReasonPermissionDenied {
					t.Fatalf("got %v", err)
				}
				if diff := cmp.Diff(before, everything(t, r.raw)); diff != "" {
					t.Errorf("something changed (-before +after):\n%s", diff)
				}
			})
		}
	}
}

func TestARefusalNamesTheOwnerAndTheRemedies(t *testing.T) {
	for method, row := range map[string]struct {
		actor core.Actor
		want  []string
	}{
		"importing over it without its id": {mallory, []string{`"ann"`, "`ferrule connectors share crm --editor mallory`", "--id"}},
		"promoting into it":                {mallory, []string{`"ann"`, "`ferrule connectors share crm --editor mallory`", "--id"}},
		"deleting it":                      {mallory, []string{`"ann"`, "`ferrule connectors share crm --editor mallory`"}},
		"editing it":                       {core.Actor{Name: "eve; rm -rf ~"}, []string{"`ferrule connectors share crm --editor NAME`"}},
	} {
		r := shared(t)
		err := changing[method](t, r.Registry, row.actor)
		for _, part := range row.want {
			if message := fault.From(err).Message(); !strings.Contains(message, part) {
				t.Errorf("%s: %q has no %s", method, message, part)
			}
		}
		if meta := fault.From(err).Meta(); meta["principal"] != row.actor.Name || !strings.HasSuffix(meta["connector"], "/connectors/crm") {
			t.Errorf("%s: %v", method, meta)
		}
	}
}

func TestAConnectorOfAnEarlierVersionIsForAdministrators(t *testing.T) {
	for method, change := range changing {
		for who, row := range map[string]struct {
			actor core.Actor
			may   bool
		}{"a maker": {ann, false}, "nobody": {core.Actor{}, false}, "an administrator": {root, true}} {
			r := shared(t)
			r.disown(crm, crmInStaging)
			err := change(t, r.Registry, row.actor)
			if (err == nil) != row.may || err != nil && fault.ReasonOf(err) != fault.ReasonPermissionDenied {
				t.Errorf("%s as %s: %v", method, who, err)
			}
			if err != nil && !strings.Contains(fault.From(err).Message(), "ask an administrator") {
				t.Errorf("%s as %s: %q names no remedy", method, who, fault.From(err).Message())
			}
		}
	}
	r := shared(t)
	r.disown(crm)
	if _, err := r.Share(t.Context(), ann, core.Sharing{Name: crm, Owner: "ann"}); fault.ReasonOf(err) != fault.ReasonPermissionDenied {
		t.Errorf("a maker takes what is nobody's: %v", err)
	}
	c, err := r.Share(t.Context(), root, core.Sharing{Name: crm, Owner: "ann"})
	if diff := cmp.Diff(core.Ownership{Owner: "ann"}, c.Ownership); diff != "" || err != nil {
		t.Errorf("given away: %v (-want +got):\n%s", err, diff)
	}
}

// disown makes connectors what they are that were made before there were owners.
func (r *rig) disown(names ...resource.Connector) {
	r.t.Helper()
	err := store.New(r.raw, r.announce).Update(r.t.Context(), func(tx core.Tx) error {
		for _, name := range names {
			c, err := tx.Connector(name)
			if err != nil {
				return err
			}
			c.Ownership = core.Ownership{}
			if err := tx.PutConnector(c); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func TestWhoMakesAConnectorOwnsIt(t *testing.T) {
	for how, row := range map[string]struct {
		name  resource.Connector
		makes func(g *core.Registry, i core.Intent) error
	}{
		"importing": {resource.Connector{Environment: "default", ID: "erp"}, func(g *core.Registry, i core.Intent) error {
			_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, Files: swagger("ERP", 1), Intent: i})
			return err
		}},
		"creating": {resource.Connector{Environment: "default", ID: "erp"}, func(g *core.Registry, i core.Intent) error {
			_, err := g.Create(t.Context(), core.CreateRequest{Environment: env, Definition: titled("ERP"), Intent: i})
			return err
		}},
		"promoting ann's": {resource.Connector{Environment: staging.ID, ID: "erp"}, func(g *core.Registry, i core.Intent) error {
			_, err := g.Promote(t.Context(), core.PromoteRequest{Name: latest, Environment: staging, ID: "erp", Intent: i})
			return err
		}},
	} {
		for _, actor := range []core.Actor{mallory, root} {
			r := shared(t)
			if err := row.makes(r.Registry, core.Intent{Actor: actor}); err != nil {
				t.Fatalf("%s: %v", how, err)
			}
			if diff := cmp.Diff(core.Ownership{Owner: actor.Name}, r.connector(row.name).Ownership); diff != "" {
				t.Errorf("%s (-want +got):\n%s", how, diff)
			}
		}
		if err := row.makes(shared(t).Registry, core.Intent{Actor: core.Actor{Administrator: true}}); fault.ReasonOf(err) != fault.ReasonPermissionDenied {
			t.Errorf("%s as somebody without a name: %v", how, err)
		}
	}
}

func TestAnIdThatWasDeletedKeepsItsOwner(t *testing.T) {
	of := core.Ownership{Owner: "ann", Editors: []string{"eva"}}
	for who, row := range map[string]struct {
		actor core.Actor
		old   core.Ownership
		want  core.Ownership // what the new one is; the zero one is refused
	}{
		"the owner":                              {ann, of, of},
		"an editor, whose it does not become":    {eva, of, of},
		"an administrator":                       {root, of, of},
		"another maker":                          {mallory, of, core.Ownership{}},
		"a maker, of what was nobody's":          {ann, core.Ownership{}, core.Ownership{}},
		"an administrator, of what was nobody's": {root, core.Ownership{}, core.Ownership{Owner: "root"}},
	} {
		for how, remake := range map[string]func(g *core.Registry, i core.Intent) error{
			"importing": func(g *core.Registry, i core.Intent) error {
				_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, Files: swagger("CRM", 1), Intent: i})
				return err
			},
			"creating": func(g *core.Registry, i core.Intent) error {
				_, err := g.Create(t.Context(), core.CreateRequest{Environment: env, ID: "crm", Definition: titled("Mine"), Intent: i})
				return err
			},
			"promoting": func(g *core.Registry, i core.Intent) error {
				_, err := g.Promote(t.Context(), core.PromoteRequest{Name: inEnvironment(crmInStaging, "latest"), Environment: env, Intent: i})
				return err
			},
		} {
			t.Run(how+" as "+who, func(t *testing.T) {
				r := shared(t)
				if row.old.Owner == "" {
					r.disown(crm)
				}
				if err := r.Registry.Delete(t.Context(), root, crm, ""); err != nil {
					t.Fatal(err)
				}
				dry := remake(r.Registry, core.Intent{Actor: row.actor, ValidateOnly: true})
				err := remake(r.Registry, core.Intent{Actor: row.actor})
				if row.want.Owner == "" {
					if fault.ReasonOf(err) != fault.ReasonPermissionDenied || fault.ReasonOf(dry) != fault.ReasonPermissionDenied || !strings.Contains(fault.From(err).Message(), "another id") {
						t.Errorf("got %v, tried %v", err, dry)
					}
					return
				}
				if diff := cmp.Diff(row.want, r.connector(crm).Ownership); diff != "" || err != nil || dry != nil {
					t.Errorf("%v, tried %v (-want +got):\n%s", err, dry, diff)
				}
			})
		}
	}
}

func TestSharing(t *testing.T) {
	many := make([]string, core.MaxEditors)
	for i := range many {
		many[i] = fmt.Sprintf("n%03d", i)
	}
	for name, row := range map[string]struct {
		actor  core.Actor
		change core.Sharing
		want   core.Ownership
		reason fault.Reason
	}{
		"the owner adds":                     {ann, core.Sharing{Add: []string{"zoe", "bob", "bob"}}, core.Ownership{Owner: "ann", Editors: []string{"bob", "eva", "zoe"}}, ""},
		"an administrator adds":              {root, core.Sharing{Add: []string{"bob"}}, core.Ownership{Owner: "ann", Editors: []string{"bob", "eva"}}, ""},
		"an editor adds":                     {eva, core.Sharing{Add: []string{"bob"}}, core.Ownership{}, fault.ReasonPermissionDenied},
		"another maker adds himself":         {mallory, core.Sharing{Add: []string{"mallory"}}, core.Ownership{}, fault.ReasonPermissionDenied},
		"another maker takes it":             {mallory, core.Sharing{Owner: "mallory"}, core.Ownership{}, fault.ReasonPermissionDenied},
		"nobody":                             {core.Actor{}, core.Sharing{Add: []string{"mallory"}}, core.Ownership{}, fault.ReasonPermissionDenied},
		"one is removed":                     {ann, core.Sharing{Remove: []string{"eva"}}, core.Ownership{Owner: "ann"}, ""},
		"all are removed":                    {ann, core.Sharing{Remove: []string{"*"}}, core.Ownership{Owner: "ann"}, ""},
		"all are replaced":                   {ann, core.Sharing{Remove: []string{"*"}, Add: []string{"bob"}}, core.Ownership{Owner: "ann", Editors: []string{"bob"}}, ""},
		"who is none is removed":             {ann, core.Sharing{Remove: []string{"bob"}}, core.Ownership{Owner: "ann", Editors: []string{"eva"}}, ""},
		"the owner is no editor":             {ann, core.Sharing{Add: []string{"ann"}}, core.Ownership{Owner: "ann", Editors: []string{"eva"}}, ""},
		"it is handed over":                  {ann, core.Sharing{Owner: "bob"}, core.Ownership{Owner: "bob", Editors: []string{"ann", "eva"}}, ""},
		"it is handed over to an editor":     {ann, core.Sharing{Owner: "eva"}, core.Ownership{Owner: "eva", Editors: []string{"ann"}}, ""},
		"it is handed over for good":         {ann, core.Sharing{Owner: "bob", Remove: []string{"ann"}}, core.Ownership{Owner: "bob", Editors: []string{"eva"}}, ""},
		"it is handed over, to one only":     {ann, core.Sharing{Owner: "bob", Remove: []string{"*"}}, core.Ownership{Owner: "bob"}, ""},
		"nothing is said":                    {ann, core.Sharing{}, core.Ownership{Owner: "ann", Editors: []string{"eva"}}, ""},
		"the same owner":                     {ann, core.Sharing{Owner: "ann"}, core.Ownership{Owner: "ann", Editors: []string{"eva"}}, ""},
		"one too many":                       {ann, core.Sharing{Add: many}, core.Ownership{}, fault.ReasonLimitReached},
		"as many as may be":                  {ann, core.Sharing{Add: many[1:]}, core.Ownership{Owner: "ann", Editors: slices.Concat([]string{"eva"}, many[1:])}, ""},
		"more names than a call may have":    {ann, core.Sharing{Add: slices.Concat(many, []string{"eva"})}, core.Ownership{}, fault.ReasonInvalidArgument},
		"an owner who is everybody":          {ann, core.Sharing{Owner: "*"}, core.Ownership{}, fault.ReasonInvalidArgument},
		"everybody as an editor":             {ann, core.Sharing{Add: []string{"*"}}, core.Ownership{}, fault.ReasonInvalidArgument},
		"a name that nobody can have":        {ann, core.Sharing{Add: []string{"a\nb"}}, core.Ownership{}, fault.ReasonInvalidArgument},
		"an empty name":                      {ann, core.Sharing{Add: []string{""}}, core.Ownership{}, fault.ReasonInvalidArgument},
		"an etag that it had":                {ann, core.Sharing{Owner: "bob", Etag: "old"}, core.Ownership{}, fault.ReasonEtagMismatch},
		"a connector that does not exist":    {root, core.Sharing{Name: resource.Connector{Environment: "default", ID: "erp"}}, core.Ownership{}, fault.ReasonConnectorNotFound},
		"an environment that does not exist": {root, core.Sharing{Name: resource.Connector{Environment: "mars", ID: "erp"}}, core.Ownership{}, fault.ReasonEnvironmentNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			r := shared(t)
			before, announced, committed := r.connector(crm), len(r.announced), r.committed
			if row.change.Name.ID == "" {
				row.change.Name = crm
			}
			got, err := r.Share(t.Context(), row.actor, row.change)
			after := r.connector(crm)
			if row.reason != "" {
				if fault.ReasonOf(err) != row.reason {
					t.Errorf("got %v", err)
				}
				row.want = before.Ownership
			} else if diff := cmp.Diff(after, got); diff != "" || err != nil {
				t.Errorf("%v: the answer is not what is stored (-stored +answer):\n%s", err, diff)
			}
			if diff := cmp.Diff(row.want, after.Ownership); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			changed := !cmp.Equal(before.Ownership, after.Ownership)
			if changed != (before.Etag() != after.Etag()) || changed != (len(r.announced) > announced) || changed != (r.committed > committed) {
				t.Errorf("changed %v, etag %q then %q, %d announcements", changed, before.Etag(), after.Etag(), len(r.announced)-announced)
			}
			if before.Latest != after.Latest || before.Published != after.Published || before.Sequence != after.Sequence {
				t.Error("a revision changed")
			}
		})
	}
}

// TestNobodyChangesAConnectorThatIsSharedNoMore takes the rights of an editor away
// between what a use case read and what it writes.
func TestNobodyChangesAConnectorThatIsSharedNoMore(t *testing.T) {
	for method, change := range changing {
		if strings.HasPrefix(method, "trying") {
			continue // nothing is written
		}
		t.Run(method, func(t *testing.T) {
			r := shared(t)
			s := &racing{Store: r.raw}
			var before map[string]string
			s.before = func() {
				s.before = nil
				r.mustShare(core.Sharing{Name: crm, Remove: []string{"eva"}})
				r.mustShare(core.Sharing{Name: crmInStaging, Remove: []string{"*"}})
				before = everything(t, r.raw)
			}
			if err := change(t, r.on(s).Registry, eva); fault.ReasonOf(err) != fault.ReasonPermissionDenied {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, everything(t, r.raw)); diff != "" {
				t.Errorf("something changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestOfTwoWhoMakeOneIdTheFirstOwnsIt(t *testing.T) {
	for how, row := range map[string]struct {
		makes  func(g *core.Registry, i core.Intent) error
		reason fault.Reason
	}{
		"importing": {func(g *core.Registry, i core.Intent) error {
			_, err := g.Import(t.Context(), core.ImportRequest{Environment: env, Files: swagger("CRM", 2), Intent: i})
			return err
		}, fault.ReasonPermissionDenied},
		"creating": {func(g *core.Registry, i core.Intent) error {
			_, err := g.Create(t.Context(), core.CreateRequest{Environment: env, ID: "crm", Definition: titled("Mine"), Intent: i})
			return err
		}, fault.ReasonConnectorExists},
	} {
		r := newRig(t)
		s := &racing{Store: r.raw}
		s.before = func() {
			s.before = nil
			r.mustImport(core.ImportRequest{ID: "crm", Files: swagger("CRM", 1), Intent: core.Intent{Publish: core.PublishNever}})
		}
		if err := row.makes(r.on(s).Registry, core.Intent{Actor: mallory}); fault.ReasonOf(err) != row.reason {
			t.Errorf("%s: %v", how, err)
		}
		if c := r.connector(crm); c.Owner != "ann" || c.Sequence != 1 {
			t.Errorf("%s: it is %q's and has %d revisions", how, c.Owner, c.Sequence)
		}
	}
}
