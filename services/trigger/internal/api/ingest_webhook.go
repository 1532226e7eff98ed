package api

import (
	"context"
	"net/http"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// IngestWebhook implements triggerv1.TriggerServiceServer.
func (s *Server) IngestWebhook(ctx context.Context, req *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
	header := http.Header{}
	for _, h := range req.GetHeaders() {
		header.Add(h.GetName(), string(h.GetValue())) // need not be UTF-8
	}
	status, err := s.triggers.Ingest(ctx, core.Notification{
		Token: req.GetToken(), Method: req.GetMethod(), Header: header, Body: req.GetBody(),
	})
	if err != nil {
		return nil, err
	}
	return &triggerv1.IngestWebhookResponse{StatusCode: int32(status)}, nil
}
