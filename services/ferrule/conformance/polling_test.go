package conformance_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// All polling triggers of the packages are subscribed to in a running suite. Their API
// shows something at first, and something more later: the first call has to be what
// the description says, the first answer must not be an event, and the second one has
// to be.
func TestPollingTriggersOfConnectorPackagesFire(t *testing.T) {
	root := filepath.Join(corpus, "powerplatform")
	p := &pollingTrial{clients: startSuite(t), api: startPolled(t), counts: map[string]int{}}
	for i, name := range packages(t, root) {
		text, err := os.ReadFile(filepath.Join(root, name, "apiDefinition.swagger.json"))
		if err != nil || !strings.Contains(string(text), `"x-ms-trigger"`) {
			continue
		}
		if s, policies, err := readPolled(root, name); err == nil {
			p.try(t, fmt.Sprintf("p-%d", i), s, policies)
		}
	}
	t.Logf("%d polling triggers: %v", p.counts["triggers"], p.counts)
	for _, line := range p.failures {
		t.Log(line)
	}
	able := p.counts["triggers"] - p.counts["need custom code that is not there"]
	if able == 0 || p.counts["fired"] != able {
		t.Errorf("%d of %d triggers that can be polled fired", p.counts["fired"], able)
	}
}

// pollingTrial subscribes to triggers and counts what comes of it.
type pollingTrial struct {
	clients  clients
	api      *polled
	counts   map[string]int
	failures []string
}

// pollingPolicy is what a policy of a package says of its operations.
type pollingPolicy struct {
	operations []string
	paths      []string // into the API's answer
}

// readPolled reads a package with its polling policies, and without credentials.
func readPolled(root, name string) (subject, []pollingPolicy, error) {
	s, err := readPackage(root, name)
	if err != nil {
		return subject{}, nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, name, "apiProperties.json"))
	if err != nil {
		return s, nil, nil //nolint:nilerr // a package may have none
	}
	before, err := newDocument(text)
	if err != nil {
		return subject{}, nil, err
	}
	after, err := newDocument(s.files["apiProperties.json"])
	if err != nil {
		return subject{}, nil, err
	}
	was, _ := before.root["properties"].(object)
	properties, _ := after.root["properties"].(object)
	list, _ := was["policyTemplateInstances"].([]any)
	var kept []any
	var policies []pollingPolicy
	for _, item := range list {
		policy, _ := item.(object)
		if id, _ := policy["templateId"].(string); !strings.EqualFold(id, "pollingtrigger") {
			continue
		}
		kept = append(kept, policy)
		parameters, _ := policy["parameters"].(object)
		policies = append(policies, pollingPolicy{
			operations: texts(parameters["x-ms-apimTemplate-operationName"]), paths: bodyPaths(string(writeJSON(parameters))),
		})
	}
	if properties != nil && len(kept) > 0 {
		properties["policyTemplateInstances"] = kept
		s.files["apiProperties.json"] = writeJSON(after.root)
	}
	return s, policies, nil
}

var bodyPath = regexp.MustCompile(`triggerBody\(\)((?:\??\.\w+|\??\['[^']+'\]|\[\d+\])*)`)

// bodyPaths returns the paths into the answer that a policy names.
func bodyPaths(text string) []string {
	var paths []string
	for _, match := range bodyPath.FindAllStringSubmatch(text, -1) {
		paths = append(paths, match[1])
	}
	return paths
}

var pathStep = regexp.MustCompile(`\.(\w+)|\['([^']+)'\]|\[(\d+)\]`)

// place writes a value at a path into a tree, and returns the tree.
func place(tree any, path string, value any) any {
	at := pathStep.FindStringSubmatchIndex(path)
	if at == nil {
		if tree == nil {
			return value
		}
		return tree
	}
	match, rest := pathStep.FindStringSubmatch(path), path[at[1]:]
	if match[3] != "" {
		list, _ := tree.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = place(list[0], rest, value)
		return list
	}
	members, _ := tree.(object)
	if members == nil {
		members = object{}
	}
	name := match[1] + match[2]
	members[name] = place(members[name], rest, value)
	return members
}

// polled is an API that shows something at first, and something more later.
type polled struct {
	host string

	mu    sync.Mutex
	paths []string // of a policy; empty where the API speaks the protocol itself
	seen  []received
}

func startPolled(t *testing.T) *polled {
	t.Helper()
	p := &polled{}
	server := httptest.NewServer(p)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.host = strings.TrimPrefix(server.URL, "http://")
	return p
}

// begin makes it an API of an operation.
func (p *polled) begin(paths []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.paths, p.seen = paths, nil
}

// first returns the first request since then.
func (p *polled) first() (received, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.seen) == 0 {
		return received{}, false
	}
	return p.seen[0], true
}

// pollState is the query parameter of the links of an API that speaks the protocol
// itself.
const pollState = "poll-state"

// ServeHTTP implements [http.Handler].
func (p *polled) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, received{req.Method, req.RequestURI, req.Header.Clone(), nil})
	number := len(p.seen)
	res.Header().Set("Content-Type", "application/json")
	res.Header().Set("Retry-After", "1")
	if len(p.paths) > 0 {
		var tree any
		for _, path := range p.paths {
			if tail := strings.LastIndex(path, "["); tail < 0 || strings.Contains(path[tail:], ".") {
				tree = place(tree, path, strconv.Itoa(number))
			}
		}
		_, _ = res.Write(writeJSON(tree))
		return
	}
	query := req.URL.Query()
	known, _ := strconv.Atoi(query.Get(pollState))
	query.Set(pollState, strconv.Itoa(known+1))
	res.Header().Set("Location", req.URL.EscapedPath()+"?"+query.Encode())
	if known != 1 {
		res.WriteHeader(http.StatusAccepted)
		return
	}
	_, _ = res.Write([]byte(`{"value":[{"id":"1"}]}`))
}

// try subscribes to the polling triggers of a package.
func (p *pollingTrial) try(t *testing.T, id string, s subject, policies []pollingPolicy) {
	t.Helper()
	operations, err := p.clients.connect(t.Context(), id, s.locate(p.api.host))
	if err != nil {
		p.failures = append(p.failures, fmt.Sprintf("%s: %v", s.name, err))
		return
	}
	for _, e := range s.doc.endpoints() {
		op := operations[e.key()]
		if op == nil {
			op = operations[strings.ToUpper(e.method)+" /"+e.path]
		}
		if op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER {
			continue
		}
		p.counts["triggers"]++
		p.counts[strings.TrimPrefix(op.GetTrigger().GetPolling().GetProtocol().String(), "POLLING_PROTOCOL_")]++
		var paths []string
		for _, policy := range policies {
			for _, name := range policy.operations {
				if name == op.GetOperationId() {
					paths = policy.paths
				}
			}
		}
		p.api.begin(paths)
		what, err := p.subscribe(t, id, s, e, op)
		p.counts[what]++
		if err != nil {
			p.failures = append(p.failures, fmt.Sprintf("%s, %s: %s: %v", s.name, op.GetOperationId(), what, err))
		}
	}
}

// subscribe subscribes to one trigger and says what came of it.
func (p *pollingTrial) subscribe(t *testing.T, id string, s subject, e endpoint, op *connectorv1.Operation) (string, error) {
	t.Helper()
	c, problem := s.call(e, required)
	if problem != "" {
		return "no input", fmt.Errorf("%s", problem) //nolint:err113 // for people
	}
	name := fmt.Sprintf("%s-%d", id, p.counts["triggers"])
	sub, err := p.clients.triggers.CreateSubscription(t.Context(), &triggerv1.CreateSubscriptionRequest{
		Parent: environment, SubscriptionId: name, Subscription: &triggerv1.Subscription{
			Connection: environment + "/connections/" + id, OperationId: op.GetOperationId(), Input: string(writeJSON(c.input)),
			Interval: durationpb.New(1e9), Jitter: durationpb.New(0),
		},
	})
	if err != nil && grpcx.FromStatus(err).Reason() == fault.ReasonCustomCodeRequired {
		return "need custom code that is not there", nil
	}
	if err != nil {
		return "refused", err
	}
	defer func() {
		_, _ = p.clients.triggers.DeleteSubscription(context.WithoutCancel(t.Context()), &triggerv1.DeleteSubscriptionRequest{Name: sub.GetName()})
	}()
	if sub.GetState() != triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE {
		return "without a baseline", fmt.Errorf("%s", sub.GetStateReason()) //nolint:err113 // for people
	}
	if first, ok := p.api.first(); !ok {
		return "never asked", nil
	} else if wrong, bad := c.want.judge(first); bad {
		return "malformed", fmt.Errorf("%s: %s", wrong.class, wrong.detail) //nolint:err113 // for people
	}
	why := ""
	testkit.Await(t, "an event of "+sub.GetName(), func() bool {
		events, err := p.clients.triggers.ListEvents(t.Context(), &triggerv1.ListEventsRequest{Parent: sub.GetName(), PageSize: 10})
		if err == nil && len(events.GetEvents()) > 0 {
			return true
		}
		now, err := p.clients.triggers.GetSubscription(t.Context(), &triggerv1.GetSubscriptionRequest{Name: sub.GetName()})
		if err == nil && now.GetState() == triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ERROR {
			why = now.GetStateReason()
		}
		return why != ""
	})
	if why != "" {
		return "failed", fmt.Errorf("%s", why) //nolint:err113 // for people
	}
	return "fired", nil
}
