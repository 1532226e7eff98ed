package binding_test

import (
	"context"
	"errors"
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
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// compiled is what the store keeps of a definition here.
type compiled struct{ def *connectorv1.Definition }

func (c compiled) Definition() *connectorv1.Definition { return c.def }
func (c compiled) Weight() uint32                      { return 1 }

// neverRejects is a vault that renews no tokens.
type neverRejects struct{}

func (neverRejects) Reject(context.Context, binding.Ask, binding.Refusal) (*binding.Lease, error) {
	return nil, fault.Precondition(fault.ReasonConnectionNotReady, "sign in again")
}

// source is the vault and the registry.
type source struct {
	neverRejects

	lease       func(context.Context, authn.Principal) (*binding.Lease, error)
	def         *connectorv1.Definition
	leases      atomic.Int64
	ids         atomic.Int64
	definitions atomic.Int64
}

func (s *source) Lease(ctx context.Context, ask binding.Ask) (*binding.Lease, error) {
	s.leases.Add(1)
	return s.lease(ctx, ask.Principal)
}

func (s *source) RevisionID(context.Context, resource.Connector) (string, error) {
	s.ids.Add(1)
	return "a1", nil
}

func (s *source) Definition(context.Context, resource.Revision) (*connectorv1.Definition, error) {
	s.definitions.Add(1)
	return s.def, nil
}

var (
	name = resource.Connection{Environment: "default", ID: "crm"}
	crm  = resource.Connector{Environment: "default", ID: "crm"}
	ada  = authn.Principal{Kind: authn.KindUser, Name: "ada"}
	bob  = authn.Principal{Kind: authn.KindUser, Name: "bob"}
)

func lease() *binding.Lease {
	return &binding.Lease{Connector: crm, AllowedHosts: []string{"https://api.example.com:443"}, Secrets: map[string]secret.Text{"k": secret.FromString("v")}}
}

func setUp(t *testing.T, src *source) (*binding.Store[compiled], *clocktest.Fake) {
	t.Helper()
	if src.def == nil {
		src.def = &connectorv1.Definition{Servers: []*connectorv1.Server{{UrlTemplate: "https://api.example.com/v1/"}}}
	}
	if src.lease == nil {
		src.lease = func(context.Context, authn.Principal) (*binding.Lease, error) { return lease(), nil }
	}
	clk := clocktest.New(time.Unix(1_000_000, 0))
	return newStoreAt(t, src, clk), clk
}

func newStoreAt(t *testing.T, src binding.Source, clk *clocktest.Fake) *binding.Store[compiled] {
	t.Helper()
	store, err := binding.NewStore(binding.Config{Connections: 10, RevisionBytes: 1000, MaxAge: time.Minute}, src, clk,
		func(_ resource.Revision, def *connectorv1.Definition) compiled { return compiled{def} })
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func TestHoweverManyAskOneFetches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		src := &source{lease: func(context.Context, authn.Principal) (*binding.Lease, error) { <-release; return lease(), nil }}
		store, _ := setUp(t, src)
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		if src.leases.Load() != 1 || src.ids.Load() != 1 || src.definitions.Load() != 1 {
			t.Errorf("asked %d, %d and %d times", src.leases.Load(), src.ids.Load(), src.definitions.Load())
		}
	})
}

func TestOneCallersTroubleIsNotAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first atomic.Bool
		src := &source{}
		src.lease = func(ctx context.Context, p authn.Principal) (*binding.Lease, error) {
			if p.Name == "bob" {
				return nil, fault.NotFound(fault.ReasonConnectionNotFound, "no")
			}
			if first.CompareAndSwap(false, true) {
				<-ctx.Done() // the first caller gives up
				return nil, ctx.Err()
			}
			return lease(), nil
		}
		store, _ := setUp(t, src)
		giving, up := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := store.Bind(giving, binding.Ask{Connection: name, Principal: ada}); !errors.Is(err, context.Canceled) {
				t.Errorf("the one who gave up: %v", err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); err != nil {
				t.Errorf("the one who waited: %v", err)
			}
		})
		all.Go(func() {
			if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: bob}); fault.ReasonOf(err) != fault.ReasonConnectionNotFound {
				t.Errorf("a stranger: %v", err)
			}
		})
		synctest.Wait()
		up()
		all.Wait()
	})
}

func TestWhatWasFetchedBeforeAChangeIsNotUsedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan string, 2)
		src := &source{lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
			l := lease()
			l.ServerURL = "https://" + <-release
			return l, nil
		}}
		store, _ := setUp(t, src)
		ask := binding.Ask{Connection: name, Principal: ada}
		done := make(chan struct{})
		go func() { defer close(done); _, _ = store.Bind(t.Context(), ask) }()
		synctest.Wait()
		store.DropConnection(name) // while the old lease is on its way
		release <- "old.example.com"
		<-done
		release <- "new.example.com"
		got, err := store.Bind(t.Context(), ask)
		if err != nil || baseOf(t, got).Host != "new.example.com" {
			t.Errorf("host = %v, %v", got, err)
		}
	})
}

func TestTimesAndDrops(t *testing.T) {
	src := &source{}
	store, clk := setUp(t, src)
	src.lease = func(context.Context, authn.Principal) (*binding.Lease, error) {
		l := lease()
		l.Expires = clk.Now().Add(10 * time.Second)
		return l, nil
	}
	steps := []struct {
		name                     string
		do                       func()
		leases, ids, definitions int64
	}{
		{"the first time all is fetched", func() {}, 1, 1, 1},
		{"then nothing is", func() { clk.Advance(9 * time.Second) }, 1, 1, 1},
		{"until the lease ends", func() { clk.Advance(time.Second) }, 2, 1, 1},
		{"or the connection changes", func() { store.DropConnection(name) }, 3, 1, 1},
		{"or another does, which is nobody's business", func() { store.DropConnection(resource.Connection{Environment: "default", ID: "x"}) }, 3, 1, 1},
		{"or the connector changes", func() { store.DropConnector(crm) }, 4, 2, 1},
		{"or another does", func() { store.DropConnector(resource.Connector{Environment: "default", ID: "x"}) }, 4, 2, 1},
		{"or anything might have", func() { store.DropAll() }, 5, 3, 1},
		{"or the published revision gets old", func() { clk.Advance(time.Minute) }, 6, 4, 1},
	}
	for _, step := range steps {
		step.do()
		if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada}); err != nil {
			t.Fatal(err)
		}
		if src.leases.Load() != step.leases || src.ids.Load() != step.ids || src.definitions.Load() != step.definitions {
			t.Errorf("%s: asked %d, %d, %d times; want %d, %d, %d", step.name,
				src.leases.Load(), src.ids.Load(), src.definitions.Load(), step.leases, step.ids, step.definitions)
		}
	}
}

func TestServers(t *testing.T) {
	template := &connectorv1.Server{UrlTemplate: "https://{region}.example.com/{stage}", Variables: []*connectorv1.ServerVariable{
		{Name: "region", DefaultValue: "eu"}, {Name: "stage", DefaultValue: "v1/x", AllowedValues: []string{"v1/x", "v2"}},
	}}
	tests := []struct {
		name   string
		change func(*binding.Lease)
		server *connectorv1.Server
		want   string
		reason fault.Reason
	}{
		{"defaults of variables", func(*binding.Lease) {}, template, "https://eu.example.com/v1/x", ""},
		{"values of the connection", func(l *binding.Lease) { l.Parameters = map[string]string{"region": "us", "stage": "v2"} }, template, "https://us.example.com/v2", ""},
		{"a value that is not allowed", func(l *binding.Lease) { l.Parameters = map[string]string{"stage": "v3"} }, template, "", fault.ReasonConnectionParametersInvalid},
		{"a value that would be another host", func(l *binding.Lease) { l.Parameters = map[string]string{"region": "evil.org/"} }, template, "", fault.ReasonConnectionParametersInvalid},
		{"the connection's own url", func(l *binding.Lease) { l.ServerURL = "https://sandbox.example.com/" }, template, "https://sandbox.example.com", ""},
		{"no server at all", func(*binding.Lease) {}, nil, "", fault.ReasonConnectionNotReady},
		{"a url that is none", func(l *binding.Lease) { l.ServerURL = "https://u:p@x" }, template, "", fault.ReasonConnectionNotReady},
		{"a parameter set that is gone", func(l *binding.Lease) { l.ParameterSet = "old" }, template, "", fault.ReasonConnectionNotReady},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := &source{def: &connectorv1.Definition{}, lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
				l := lease()
				tt.change(l)
				return l, nil
			}}
			if tt.server != nil {
				src.def.Servers = []*connectorv1.Server{tt.server}
			}
			store, _ := setUp(t, src)
			got, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
			if fault.ReasonOf(err) != tt.reason || (err == nil && baseOf(t, got).String() != tt.want) {
				t.Errorf("got %v, %v; want %s %s", got, err, tt.want, tt.reason)
			}
		})
	}
}

// baseOf returns where the API of a binding is.
func baseOf(t *testing.T, b *binding.Binding[compiled]) request.Base {
	t.Helper()
	base, err := b.BaseOf(nil)
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func TestOperationsMayHaveServersOfTheirOwn(t *testing.T) {
	main := &connectorv1.Server{UrlTemplate: "https://api.example.com/v1"}
	own := &connectorv1.Operation{OperationId: "Upload", Servers: []*connectorv1.Server{
		{UrlTemplate: "https://{zone}.content.example.com/v2", Variables: []*connectorv1.ServerVariable{{Name: "zone", DefaultValue: "eu"}}},
		{UrlTemplate: "https://second.example.com"},
	}}
	plain := &connectorv1.Operation{OperationId: "List"}
	tests := []struct {
		name    string
		servers []*connectorv1.Server
		change  func(*binding.Lease)
		op      *connectorv1.Operation
		want    string
		reason  fault.Reason
	}{
		{"one without is at the connector's", []*connectorv1.Server{main}, nil, plain, "https://api.example.com/v1", ""},
		{"one with them is at its first", []*connectorv1.Server{main}, nil, own, "https://eu.content.example.com/v2", ""},
		{
			"the connection fills their variables",
			[]*connectorv1.Server{main},
			func(l *binding.Lease) { l.Parameters = map[string]string{"zone": "us"} },
			own, "https://us.content.example.com/v2", "",
		},
		{
			"a value that would be another host is refused",
			[]*connectorv1.Server{main},
			func(l *binding.Lease) { l.Parameters = map[string]string{"zone": "evil.org/"} },
			own, "", fault.ReasonConnectionParametersInvalid,
		},
		{
			"a connection with a server of its own uses it for all",
			[]*connectorv1.Server{main},
			func(l *binding.Lease) { l.ServerURL = "https://sandbox.example.com" },
			own, "https://sandbox.example.com", "",
		},
		{"a connector may have none but theirs", nil, nil, own, "https://eu.content.example.com/v2", ""},
		{"and then the others cannot be reached", nil, nil, plain, "", fault.ReasonConnectionNotReady},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := &source{
				def: &connectorv1.Definition{Servers: tt.servers, Operations: []*connectorv1.Operation{own, plain}},
				lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
					l := lease()
					if tt.change != nil {
						tt.change(l)
					}
					return l, nil
				},
			}
			store, _ := setUp(t, src)
			bound, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
			if err != nil {
				t.Fatal(err)
			}
			base, err := bound.BaseOf(tt.op)
			if fault.ReasonOf(err) != tt.reason || (err == nil && base.String() != tt.want) {
				t.Errorf("base %s, %v; want %s %s", base, err, tt.want, tt.reason)
			}
		})
	}
}

func TestDestinations(t *testing.T) {
	tests := []struct {
		name    string
		hosts   []string
		secrets map[string]secret.Text
		host    string
		allowed bool
	}{
		{"its own host", []string{"https://api.example.com:443"}, lease().Secrets, "https://api.example.com", true},
		{"another host", []string{"https://api.example.com:443"}, lease().Secrets, "https://api.example.org", false},
		{"another port", []string{"https://api.example.com:443"}, lease().Secrets, "https://api.example.com:444", false},
		{"another scheme", []string{"https://api.example.com:443"}, lease().Secrets, "http://api.example.com", false},
		{"the same port in clear", []string{"https://api.example.com:443"}, lease().Secrets, "http://api.example.com:443", false},
		{"a secret without any host", nil, lease().Secrets, "https://api.example.com", false},
		{"no secret and no host", nil, nil, "https://api.example.com", true},
		{"no secret, and a host of the API", []string{"https://api.example.com:443"}, nil, "https://api.example.org", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			store, _ := setUp(t, &source{lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
				l := lease()
				l.AllowedHosts, l.Secrets = tt.hosts, tt.secrets
				return l, nil
			}})
			bound, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
			if err != nil {
				t.Fatal(err)
			}
			base, err := request.ParseBase(tt.host)
			if err != nil {
				t.Fatal(err)
			}
			if err := bound.CheckRequest(&request.Request{Base: base}); (err == nil) != tt.allowed {
				t.Errorf("error = %v", err)
			}
		})
	}
}

func TestARevisionThatIsTriedOutDoesNotStay(t *testing.T) {
	src := &source{}
	store, _ := setUp(t, src)
	for _, revision := range []string{"", "b2", "", "b2"} {
		want := revision
		if want == "" {
			want = "a1"
		}
		got, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada, Revision: revision})
		if err != nil || got.RevisionID != want {
			t.Errorf("revision = %v, %v; want %s", got, err, want)
		}
	}
	for _, revision := range []string{"latest", "../x", "A1"} { // names of what changes must not be remembered for ever
		if _, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada, Revision: revision}); fault.ReasonOf(err) != fault.ReasonInvalidName {
			t.Errorf("%s: %v", revision, err)
		}
	}
	if src.definitions.Load() != 2 {
		t.Errorf("fetched %d definitions", src.definitions.Load())
	}
}

func TestTheHostThatAPolicySetsIsJudgedToo(t *testing.T) {
	store, _ := setUp(t, &source{lease: func(context.Context, authn.Principal) (*binding.Lease, error) {
		l := lease()
		l.AllowedHosts, l.Secrets = []string{"https://api.example:443", "https://cdn.example:443"}, map[string]secret.Text{"key": secret.FromString("s")}
		return l, nil
	}})
	bound, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
	if err != nil {
		t.Fatal(err)
	}
	base, err := request.ParseBase("https://cdn.example")
	if err != nil {
		t.Fatal(err)
	}
	for host, allowed := range map[string]bool{
		"": true, "api.example": true, "API.example:443": true,
		"evil.example": false, "api.example:8443": false, "api.example/..": false, "a b": false,
	} {
		if err := bound.CheckRequest(&request.Request{Base: base, Host: host}); (err == nil) != allowed {
			t.Errorf("Host %q: %v", host, err)
		}
	}
}
