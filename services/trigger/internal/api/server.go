// Package api is the trigger service's gRPC interface: it translates between
// protobuf and package core, and decides nothing.
package api

import (
	"context"

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

// New returns the implementation. When stopping is closed, streams end so that the
// server can stop.
func New(triggers *core.Triggers, reader *events.Reader, archive *delivery.Archive, watch *events.Watch, stopping <-chan struct{}) *Server {
	return &Server{triggers: triggers, reader: reader, archive: archive, watch: watch, stopping: stopping}
}

// caller returns who asks; nobody if the server did not find out.
func caller(ctx context.Context) core.Caller {
	principal, _ := authn.FromContext(ctx)
	return core.Caller{Principal: principal}
}
