package binding_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
)

// TestLeasesBelongToThoseWhoGotThem: what the vault said of one caller is never
// used for another, even one of the same name.
func TestLeasesBelongToThoseWhoGotThem(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	src := &source{lease: func(_ context.Context, p authn.Principal) (*binding.Lease, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, fmt.Sprint(p.Kind, p.Name, p.Is(authn.RoleAdmin)))
		if p.Name == "eve" {
			return nil, fault.NotFound(fault.ReasonConnectionNotFound, "no")
		}
		l := lease()
		l.ServerURL = "https://" + p.Name + ".example.com"
		return l, nil
	}}
	store, _ := setUp(t, src)
	eve := authn.Principal{Kind: authn.KindUser, Name: "eve"}
	steps := []struct {
		name  string
		who   authn.Principal
		asked int
		host  string
	}{
		{"the first caller", ada, 1, "ada.example.com"},
		{"again", ada, 1, "ada.example.com"},
		{"another", bob, 2, "bob.example.com"},
		{"one who may not", eve, 3, ""},
		{"is not remembered as one who may not", eve, 4, ""},
		{"the first one is still known", ada, 4, "ada.example.com"},
		{"a service of the same name is somebody else", authn.Principal{Kind: authn.KindService, Name: "ada"}, 5, "ada.example.com"},
		{"and so is she as an admin", authn.Principal{Kind: authn.KindUser, Name: "ada", Roles: []authn.Role{authn.RoleAdmin}}, 6, "ada.example.com"},
		{"other roles change nothing", authn.Principal{Kind: authn.KindUser, Name: "ada", Roles: []authn.Role{authn.RoleMaker}}, 6, "ada.example.com"},
	}
	for _, step := range steps {
		got, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: step.who})
		host := ""
		if err == nil {
			host = baseOf(t, got).Host
		}
		if host != step.host || len(asked) != step.asked {
			t.Errorf("%s: host %q, %v after %d questions; want %q after %d", step.name, host, err, len(asked), step.host, step.asked)
		}
	}
}

// TestManyCallersOfOneConnectionAreForgotten, not kept for ever.
func TestManyCallersOfOneConnectionAreForgotten(t *testing.T) {
	src := &source{}
	store, _ := setUp(t, src)
	for i := range 257 {
		if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: authn.Principal{Name: fmt.Sprint(i)}}); err != nil {
			t.Fatal(err)
		}
	}
	before := src.leases.Load()
	for _, row := range []struct {
		who   string
		asked int64
	}{{"256", 0}, {"0", 1}} {
		_, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: authn.Principal{Name: row.who}})
		if err != nil || src.leases.Load()-before != row.asked {
			t.Errorf("caller %s: asked %d times, %v; want %d", row.who, src.leases.Load()-before, err, row.asked)
		}
	}
}

// TestErrorsAreSharedButNotKept: those who wait get the one answer; those who come
// later get a new one.
func TestErrorsAreSharedButNotKept(t *testing.T) {
	for _, row := range []struct {
		name string
		fail func(*failing)
	}{
		{"of the vault", func(f *failing) { f.lease = true }},
		{"of the registry, for the id", func(f *failing) { f.id = true }},
		{"of the registry, for the definition", func(f *failing) { f.definition = true }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				src := &failing{release: make(chan struct{})}
				row.fail(src)
				store := newStore(t, src)
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() {
						if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); !errors.Is(err, errDown) {
							t.Errorf("error = %v", err)
						}
					})
				}
				synctest.Wait()
				close(src.release)
				all.Wait()
				if n := src.failed.Load(); n != 1 {
					t.Errorf("%d questions failed, for one answer", n)
				}
				src.mended.Store(true)
				if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}

var errDown = errors.New("down")

// failing is a source of which one part fails until it is mended.
type failing struct {
	neverRejects

	lease, id, definition bool

	release chan struct{}
	failed  atomic.Int64
	mended  atomic.Bool
}

func (f *failing) answer(fails bool) error {
	if !fails || f.mended.Load() {
		return nil
	}
	<-f.release
	f.failed.Add(1)
	return errDown
}

func (f *failing) Lease(context.Context, binding.Ask) (*binding.Lease, error) {
	return lease(), f.answer(f.lease)
}

func (f *failing) RevisionID(context.Context, resource.Connector) (string, error) {
	return "a1", f.answer(f.id)
}

func (f *failing) Definition(context.Context, resource.Revision) (*connectorv1.Definition, error) {
	return &connectorv1.Definition{Servers: []*connectorv1.Server{{UrlTemplate: "https://api.example.com"}}}, f.answer(f.definition)
}

func newStore(t *testing.T, src binding.Source) *binding.Store[compiled] {
	t.Helper()
	store, err := binding.NewStore(binding.Config{Connections: 10, RevisionBytes: 1000, MaxAge: time.Minute}, src, clocktest.New(time.Unix(1_000_000, 0)),
		func(_ resource.Revision, def *connectorv1.Definition) compiled { return compiled{def} })
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// TestWaitingEndsWithTheCallersOwnTime: whoever waits for somebody else's question
// may give up alone.
func TestWaitingEndsWithTheCallersOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		src := &source{lease: func(context.Context, authn.Principal) (*binding.Lease, error) { <-release; return lease(), nil }}
		store, _ := setUp(t, src)
		var first sync.WaitGroup
		first.Go(func() {
			if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); err != nil {
				t.Errorf("the first: %v", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := store.Bind(ctx, binding.Ask{Connection: name, Principal: ada}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the second: %v", err)
		}
		close(release)
		first.Wait()
		if src.leases.Load() != 1 {
			t.Errorf("asked %d times", src.leases.Load())
		}
	})
}

// TestAPanicReleasesThoseWhoWait: a bug in one call must not hang the others.
func TestAPanicReleasesThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		release := make(chan struct{})
		src := &source{lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
			if calls.Add(1) == 1 {
				<-release
				panic("bug")
			}
			return lease(), nil
		}}
		store, _ := setUp(t, src)
		var all sync.WaitGroup
		all.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); err != nil {
				t.Errorf("the one who waited: %v", err)
			}
		})
		synctest.Wait()
		close(release)
		all.Wait()
	})
}

// TestAConnectorThatChangesWhileItIsFetched: the old revision is for those who
// asked before, and for nobody after.
func TestAConnectorThatChangesWhileItIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		src := &published{ids: make(chan string)}
		store := newStore(t, src)
		early := make(chan string, 1)
		go func() {
			got, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
			if err != nil {
				t.Error(err)
				close(early)
				return
			}
			early <- got.RevisionID
		}()
		synctest.Wait()
		store.DropConnector(crm)
		src.ids <- "aaaa"
		if got := <-early; got != "aaaa" {
			t.Errorf("the early caller got %q", got)
		}
		go func() { src.ids <- "bbbb" }()
		got, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
		if err != nil || got.RevisionID != "bbbb" {
			t.Errorf("a later caller got %v, %v", got, err)
		}
	})
}

// published is a registry whose published revision comes through a channel.
type published struct {
	neverRejects

	ids chan string
}

func (*published) Lease(context.Context, binding.Ask) (*binding.Lease, error) {
	return lease(), nil
}

func (p *published) RevisionID(context.Context, resource.Connector) (string, error) {
	return <-p.ids, nil
}

func (*published) Definition(context.Context, resource.Revision) (*connectorv1.Definition, error) {
	return &connectorv1.Definition{Servers: []*connectorv1.Server{{UrlTemplate: "https://api.example.com"}}}, nil
}

// TestHowLongALeaseLasts: the shorter of the vault's word and ours.
func TestHowLongALeaseLasts(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	for _, row := range []struct {
		name    string
		expires time.Time
		lasts   time.Duration
	}{
		{"the vault does not say", time.Time{}, time.Minute},
		{"the vault says less", start.Add(5 * time.Second), 5 * time.Second},
		{"the vault says more", start.Add(time.Hour), time.Minute},
		{"the vault says that it is over", start.Add(-time.Second), 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			src := &source{lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
				l := lease()
				l.Expires = row.expires
				return l, nil
			}}
			store, clk := setUp(t, src)
			asked := func() int64 {
				if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); err != nil {
					t.Fatal(err)
				}
				return src.leases.Load()
			}
			asked()
			if row.lasts > 0 {
				clk.Advance(row.lasts - time.Nanosecond)
				if n := asked(); n != 1 {
					t.Errorf("asked %d times before the end", n)
				}
				clk.Advance(time.Nanosecond)
			}
			if n := asked(); n != 2 {
				t.Errorf("asked %d times at the end", n)
			}
		})
	}
}

// TestRevisionsAreMadeOnce: a connection follows, pins or is asked for one.
func TestRevisionsAreMadeOnce(t *testing.T) {
	pinned := ""
	src := &source{}
	src.lease = func(context.Context, authn.Principal) (*binding.Lease, error) {
		l := lease()
		l.Revision = pinned
		return l, nil
	}
	store, _ := setUp(t, src)
	for _, row := range []struct {
		name, pinned, ask, want string
		definitions             int64
	}{
		{"it follows the published one", "", "", "a1", 1},
		{"by name too", "", binding.Published, "a1", 1},
		{"it pins one", "b2", "", "b2", 2},
		{"it pins the published one", binding.Published, "", "a1", 2},
		{"somebody asks for another", "b2", "c3", "c3", 3},
		{"which changes nothing for the rest", "b2", "", "b2", 3},
	} {
		pinned = row.pinned
		store.DropConnection(name)
		got, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada, Revision: row.ask})
		if err != nil || got.RevisionID != row.want || src.definitions.Load() != row.definitions {
			t.Errorf("%s: %v, %v after %d definitions; want %s after %d", row.name, got, err, src.definitions.Load(), row.want, row.definitions)
		}
	}
}

// TestVariablesOfServers: a value must not turn one host into another.
func TestVariablesOfServers(t *testing.T) {
	const host, path = "https://{v}.example.com/x", "https://api.example.com/{v}/x"
	tests := []struct{ name, template, value, want string }{
		{"a plain value in the host", host, "eu-1", "https://eu-1.example.com/x"},
		{"a subdomain", host, "a.b", "https://a.b.example.com/x"},
		{"nothing in the host", host, "", ""},
		{"another host", host, "evil.org/", ""},
		{"another host behind a question mark", host, "evil.org?", ""},
		{"another host behind a fragment", host, "evil.org#", ""},
		{"a user", host, "user:pass@evil", ""},
		{"a port", host, "evil:80", ""},
		{"a backslash", host, `evil.org\`, ""},
		{"an escape", host, "evil%2eorg%2f", ""},
		{"a space", host, "a b", ""},
		{"a letter that looks like another", host, "еu", ""},
		{"a plain value in the path", path, "v1", "https://api.example.com/v1/x"},
		{"several segments", path, "v1/tenant", "https://api.example.com/v1/tenant/x"},
		{"an escape in the path", path, "a%2Fb", "https://api.example.com/a%2Fb/x"},
		{"nothing in the path", path, "", "https://api.example.com//x"},
		{"a climb", path, "../..", ""},
		{"an encoded climb", path, "%2e%2e", ""},
		{"a query in the path", path, "a?b", ""},
		{"a fragment in the path", path, "a#b", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := &source{
				def: &connectorv1.Definition{Servers: []*connectorv1.Server{{UrlTemplate: tt.template, Variables: []*connectorv1.ServerVariable{{Name: "v"}}}}},
				lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
					l := lease()
					l.Parameters = map[string]string{"v": tt.value}
					return l, nil
				},
			}
			store, _ := setUp(t, src)
			got, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
			if tt.want == "" {
				if r := fault.ReasonOf(err); r != fault.ReasonConnectionParametersInvalid && r != fault.ReasonConnectionNotReady {
					t.Errorf("got %v, %v; want it refused", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if base := baseOf(t, got); base.String() != tt.want {
				t.Errorf("base %s, want %s", base, tt.want)
			}
		})
	}
}
