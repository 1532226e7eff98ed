package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// The one connection, its owner and its trigger.
const (
	environment = "environments/default"
	connector   = environment + "/connectors/things"
	connection  = environment + "/connections/things"
	revision    = connector + "/revisions/r1"
	owner       = "ann"
	operation   = "OnThing"
)

// answer is what the API always says: ten things, none of them new.
var answer = []byte(`{"value":[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6},{"id":7},{"id":8},{"id":9},{"id":10}]}`) //nolint:gochecknoglobals // a constant

// polls answers for all other services, and notes when what was polled. It is safe for
// concurrent use.
type polls struct {
	clock clock.Clock

	mu    sync.Mutex
	last  map[int]time.Time
	began time.Time
	late  []time.Duration
	count int
}

func newPolls(clk clock.Clock) *polls { return &polls{clock: clk, last: map[int]time.Time{}} }

var _ grpc.ClientConnInterface = (*polls)(nil)

var errUnknown = errors.New("nobody answers this call here")

// NewStream implements [grpc.ClientConnInterface]: nothing is streamed.
func (*polls) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errUnknown
}

// Invoke implements [grpc.ClientConnInterface].
func (p *polls) Invoke(_ context.Context, _ string, in, out any, _ ...grpc.CallOption) error {
	var made proto.Message
	switch in := in.(type) {
	case *registryv1.GetEnvironmentRequest:
		made = &registryv1.Environment{Name: in.GetName()}
	case *registryv1.ListEnvironmentsRequest:
		made = &registryv1.ListEnvironmentsResponse{}
	case *registryv1.GetRevisionRequest:
		made = &registryv1.Revision{Name: revision, Definition: definition()}
	case *vaultv1.GetConnectionRequest:
		made = &vaultv1.Connection{Name: connection, Connector: connector, Owner: owner}
	case *runtimev1.InvokeRequest:
		p.note(in.GetInput().GetData())
		made = &runtimev1.InvokeResponse{StatusCode: 200, Revision: "r1", Body: &httpbody.HttpBody{ContentType: "application/json", Data: answer}}
	default:
		return errUnknown
	}
	to, ok := out.(proto.Message)
	if !ok {
		return errUnknown
	}
	proto.Merge(to, made)
	return nil
}

func definition() *connectorv1.Definition {
	return &connectorv1.Definition{Operations: []*connectorv1.Operation{{
		OperationId: operation, Method: "GET", Path: "/things", Kind: connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER,
		Trigger: &connectorv1.Trigger{Batch: true, Protocol: &connectorv1.Trigger_Polling{Polling: &connectorv1.PollingTrigger{
			Protocol: connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST, ItemsPath: "value", KeyPath: "id",
			Order: connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST,
		}}},
	}}}
}

// note notes a poll.
func (p *polls) note(input []byte) {
	var which struct{ N int }
	if json.Unmarshal(input, &which) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	if before, ok := p.last[which.N]; ok {
		p.late = append(p.late, now.Sub(before)-often)
	}
	p.last[which.N] = now
	p.count++
}

// begin forgets what was noted of times.
func (p *polls) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.began, p.count, p.late = p.clock.Now(), 0, nil
}

// seen returns how many polls there were per second since then, and how late they were.
func (p *polls) seen() (perSecond float64, p50, p99 time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	perSecond = float64(p.count) / p.clock.Now().Sub(p.began).Seconds()
	slices.Sort(p.late)
	if len(p.late) > 0 {
		p50, p99 = p.late[len(p.late)/2], p.late[len(p.late)*99/100]
	}
	return perSecond, p50, p99
}
