package api

import (
	"context"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// GetSinkSecret implements triggerv1.TriggerServiceServer.
func (s *Server) GetSinkSecret(ctx context.Context, req *triggerv1.GetSinkSecretRequest) (*triggerv1.SinkSecret, error) {
	name, err := resource.ParseSubscription(req.GetParent())
	if err != nil {
		return nil, err
	}
	secret, err := s.triggers.SinkSecret(ctx, caller(ctx), name, req.GetSink())
	if err != nil {
		return nil, err
	}
	return secretToProto(secret), nil
}

func secretToProto(s core.SinkSecret) *triggerv1.SinkSecret {
	return &triggerv1.SinkSecret{Secret: s.Secret, PreviousSecret: s.Previous, PreviousExpireTime: timestamp(s.PreviousExpire)}
}
