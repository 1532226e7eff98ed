package api

import (
	"context"
	"maps"
	"net/http"
	"net/textproto"
	"slices"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// IngestWebhook implements triggerv1.TriggerServiceServer.
func (s *Server) IngestWebhook(ctx context.Context, req *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
	header, values := make(http.Header, len(req.GetHeaders())), make([]string, len(req.GetHeaders()))
	for i, h := range req.GetHeaders() {
		values[i] = string(h.GetValue()) // need not be UTF-8
		name := textproto.CanonicalMIMEHeaderKey(h.GetName())
		if header[name] == nil { // nearly all are there once
			header[name] = values[i : i+1 : i+1]
			continue
		}
		header[name] = append(header[name], values[i])
	}
	reply, err := s.triggers.Ingest(ctx, core.Notification{
		Token: req.GetToken(), Suffix: req.GetSuffix(), Method: req.GetMethod(), Query: string(req.GetQuery()), Header: header, Body: req.GetBody(),
	})
	if err != nil {
		return nil, err
	}
	res := &triggerv1.IngestWebhookResponse{StatusCode: int32(reply.Status), Body: reply.Body}
	for _, name := range slices.Sorted(maps.Keys(reply.Header)) {
		for _, value := range reply.Header[name] {
			res.Headers = append(res.Headers, &triggerv1.WebhookHeader{Name: name, Value: []byte(value)})
		}
	}
	return res, nil
}
