package store

import (
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

type sinkRecord struct {
	ID             string            `json:"id"`
	HTTP           *httpSinkRecord   `json:"http,omitempty"`
	Action         *actionSinkRecord `json:"action,omitempty"`
	Condition      string            `json:"condition,omitempty"`
	OrderBy        string            `json:"order_by,omitempty"`
	RetryFor       time.Duration     `json:"retry_for,omitempty"`
	Concurrent     int               `json:"concurrent,omitempty"`
	PerSecond      float64           `json:"per_second,omitempty"`
	Disabled       bool              `json:"disabled,omitempty"`
	DisabledReason string            `json:"disabled_reason,omitempty"`
}

type httpSinkRecord struct {
	URL           string        `json:"url"`
	Binary        bool          `json:"binary,omitempty"`
	Timeout       time.Duration `json:"timeout,omitempty"`
	Authorization []byte        `json:"authorization,omitempty"`
	Secrets       int           `json:"secrets,omitempty"`
	OverlapUntil  time.Time     `json:"overlap_until,omitzero"`
}

type actionSinkRecord struct {
	Connection string `json:"connection"`
	Operation  string `json:"operation"`
	Input      string `json:"input,omitempty"`
	AtMostOnce bool   `json:"at_most_once,omitempty"`
}

func sinkRecords(sinks []core.Sink) (records []sinkRecord) {
	for _, s := range sinks {
		r := sinkRecord{
			ID: s.ID, HTTP: (*httpSinkRecord)(s.HTTP), Condition: s.Condition, OrderBy: s.OrderBy, RetryFor: s.RetryFor,
			Concurrent: s.Concurrent, PerSecond: s.PerSecond, Disabled: s.Disabled, DisabledReason: s.DisabledReason,
		}
		if a := s.Action; a != nil {
			r.Action = &actionSinkRecord{Connection: a.Connection.String(), Operation: a.Operation, Input: a.Input, AtMostOnce: a.AtMostOnce}
		}
		records = append(records, r)
	}
	return records
}

func readSinks(records []sinkRecord) (sinks []core.Sink, err error) {
	for _, r := range records {
		s := core.Sink{
			ID: r.ID, HTTP: (*core.HTTPSink)(r.HTTP), Condition: r.Condition, OrderBy: r.OrderBy, RetryFor: r.RetryFor,
			Concurrent: r.Concurrent, PerSecond: r.PerSecond, Disabled: r.Disabled, DisabledReason: r.DisabledReason,
		}
		if a := r.Action; a != nil {
			s.Action = &core.ActionSink{Operation: a.Operation, Input: a.Input, AtMostOnce: a.AtMostOnce}
			if s.Action.Connection, err = resource.ParseConnection(a.Connection); err != nil {
				return nil, err
			}
		}
		sinks = append(sinks, s)
	}
	return sinks, nil
}
