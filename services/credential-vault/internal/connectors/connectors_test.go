package connectors_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/connectors"
)

// registry answers with a definition whose title counts the questions.
type registry struct {
	mu    sync.Mutex
	asked []string
	fail  error
	empty bool
	wait  chan struct{} // if not nil, answers wait for it
	ctx   context.Context
}

func (r *registry) GetRevision(ctx context.Context, req *registryv1.GetRevisionRequest, _ ...grpc.CallOption) (*registryv1.Revision, error) {
	r.mu.Lock()
	r.asked = append(r.asked, req.GetName()+" "+req.GetView().String())
	r.ctx = ctx
	title, fail, empty, wait := strings.Repeat("x", len(r.asked)), r.fail, r.empty, r.wait
	r.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if fail != nil {
		return nil, fail
	}
	if empty {
		return &registryv1.Revision{}, nil
	}
	return &registryv1.Revision{Definition: &connectorv1.Definition{Info: &connectorv1.Info{Title: title}}}, nil
}

func (r *registry) questions() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

var crm = resource.Connector{Environment: "default", ID: "crm"}

const pinned = "environments/default/connectors/crm/revisions/0a1b"

func newCache(t *testing.T) (*connectors.Cache, *registry, *clocktest.Fake) {
	t.Helper()
	r, clk := &registry{}, clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	c, err := connectors.New(r, clk)
	if err != nil {
		t.Fatal(err)
	}
	return c, r, clk
}

func ask(t *testing.T, c *connectors.Cache, connector resource.Connector, revision string) {
	t.Helper()
	if _, err := c.Definition(t.Context(), connector, revision); err != nil {
		t.Fatal(err)
	}
}

func TestTheRegistryIsAskedForWhatConnectionsNeed(t *testing.T) {
	for revision, want := range map[string]string{
		"":     "environments/default/connectors/crm/revisions/published REVISION_VIEW_CONNECTION",
		pinned: pinned + " REVISION_VIEW_CONNECTION",
	} {
		c, r, _ := newCache(t)
		ask(t, c, crm, revision)
		if r.asked[0] != want {
			t.Errorf("asked %q, want %q", r.asked[0], want)
		}
	}
}

func TestAnAnswerIsUsedUntilItIsOldOrAnnounced(t *testing.T) {
	erp := resource.Connector{Environment: "default", ID: "erp"}
	for title, c := range map[string]struct {
		between func(c *connectors.Cache, clk *clocktest.Fake)
		again   bool
	}{
		"nothing happened":          {func(*connectors.Cache, *clocktest.Fake) {}, false},
		"it is almost old":          {func(_ *connectors.Cache, clk *clocktest.Fake) { clk.Advance(connectors.MaxAge - time.Second) }, false},
		"it is old":                 {func(_ *connectors.Cache, clk *clocktest.Fake) { clk.Advance(connectors.MaxAge + time.Second) }, true},
		"the connector changed":     {func(c *connectors.Cache, _ *clocktest.Fake) { c.Changed(change(crm)) }, true},
		"another connector changed": {func(c *connectors.Cache, _ *clocktest.Fake) { c.Changed(change(erp)) }, false},
		"announcements were missed": {func(c *connectors.Cache, _ *clocktest.Fake) { c.Resync() }, true},
	} {
		for _, revision := range []string{"", pinned} {
			t.Run(title+" "+revision, func(t *testing.T) {
				cache, r, clk := newCache(t)
				ask(t, cache, crm, revision)
				c.between(cache, clk)
				ask(t, cache, crm, revision)
				if again := r.questions() == 2; again != c.again {
					t.Errorf("asked %d times", r.questions())
				}
			})
		}
	}
}

func change(c resource.Connector) bus.Change {
	return bus.Change{Kind: bus.ChangeConnector, Environment: c.Environment, ID: c.ID}
}

func TestErrorsAreTheRegistrysAndAreNotRemembered(t *testing.T) {
	c, r, _ := newCache(t)
	r.fail = fault.NotFound(fault.ReasonConnectorNotFound, "connector %q does not exist", "crm")
	if _, err := c.Definition(t.Context(), crm, ""); fault.ReasonOf(err) != fault.ReasonConnectorNotFound {
		t.Errorf("got %v", err)
	}
	r.fail = nil
	ask(t, c, crm, "") // imported meanwhile
}

func TestAnAnswerWithoutADefinitionIsAnError(t *testing.T) {
	c, r, _ := newCache(t)
	r.empty = true
	if def, err := c.Definition(t.Context(), crm, ""); err == nil {
		t.Errorf("got %v", def)
	}
}

func TestManyCallersShareOneQuestionAndOutliveTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r, _ := newCache(t)
		r.wait = make(chan struct{})
		first, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			all.Go(func() {
				ctx := t.Context()
				if i == 0 {
					ctx = first
				}
				_, results[i] = c.Definition(ctx, crm, "")
			})
			synctest.Wait() // so that the first is the one who asks
		}
		leave()
		synctest.Wait()
		close(r.wait)
		all.Wait()
		for i, err := range results[1:] {
			if err != nil {
				t.Errorf("caller %d: %v", i+1, err)
			}
		}
		if r.questions() != 1 {
			t.Errorf("asked %d times", r.questions())
		}
	})
}

func TestTheQuestionIsTheVaultsOwnAndBounded(t *testing.T) {
	c, r, _ := newCache(t)
	ctx := metadata.NewOutgoingContext(t.Context(), metadata.Pairs("authorization", "Bearer of-the-caller"))
	if _, err := c.Definition(ctx, crm, ""); err != nil {
		t.Fatal(err)
	}
	if md, _ := metadata.FromOutgoingContext(r.ctx); len(md.Get("authorization")) != 0 {
		t.Error("the first caller's token went to the registry, and its answer is shared with others")
	}
	if _, ok := r.ctx.Deadline(); !ok {
		t.Error("the question has no deadline")
	}
}
