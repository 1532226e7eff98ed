// Package api is the trigger service's gRPC interface: it translates between
// protobuf and package core, and decides nothing.
package api

import (
	"context"

	"google.golang.org/grpc"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

const (
	defaultPage = 50
	maxPage     = 1_000
)

// Server implements triggerv1.TriggerServiceServer.
type Server struct {
	triggerv1.UnimplementedTriggerServiceServer

	triggers *core.Triggers
	reader   *events.Reader
	archive  *delivery.Archive
	watch    *events.Watch
	stopping <-chan struct{}
}

// Register adds the service to a gRPC server. When stopping is closed, streams
// end so that the server can stop.
func Register(to grpc.ServiceRegistrar, triggers *core.Triggers, reader *events.Reader, archive *delivery.Archive, watch *events.Watch, stopping <-chan struct{}) {
	triggerv1.RegisterTriggerServiceServer(to, &Server{triggers: triggers, reader: reader, archive: archive, watch: watch, stopping: stopping})
}

// caller returns who asks; nobody if the server did not find out.
func caller(ctx context.Context) core.Caller {
	principal, _ := authn.FromContext(ctx)
	return core.Caller{Principal: principal}
}
