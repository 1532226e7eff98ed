package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// RotateSinkSecret implements triggerv1.TriggerServiceServer.
func (s *Server) RotateSinkSecret(ctx context.Context, req *triggerv1.RotateSinkSecretRequest) (*triggerv1.SinkSecret, error) {
	name, err := resource.ParseSubscription(req.GetParent())
	if err != nil {
		return nil, err
	}
	secret, err := s.triggers.RotateSinkSecret(ctx, caller(ctx), name, req.GetSink())
	if err != nil {
		return nil, err
	}
	return secretToProto(secret), nil
}
