package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
)

// recordVersion is the first byte of every record; JSON follows. A change that
// an older program would misread gets another number, and is then refused by it.
const recordVersion = 1

// What is stored has types of its own, so that renaming something elsewhere
// cannot make old files unreadable.

type connectionRecord struct {
	UID            string            `json:"uid"`
	Change         uint64            `json:"change"`
	Edits          uint64            `json:"edits"`
	Connector      string            `json:"connector"`
	PinnedRevision string            `json:"pinned_revision,omitempty"`
	ParameterSet   string            `json:"parameter_set"`
	Parameters     map[string]string `json:"parameters,omitempty"`
	SecretNames    []string          `json:"secret_names,omitempty"`
	Key            []byte            `json:"key,omitempty"`
	DisplayName    string            `json:"display_name,omitempty"`
	ServerURL      string            `json:"server_url,omitempty"`
	Origins        []originRecord    `json:"origins"`
	TokenOrigins   []string          `json:"token_origins,omitempty"`
	Profile        []facetRecord     `json:"profile,omitempty"`
	Kind           string            `json:"kind,omitempty"`
	Client         string            `json:"client,omitempty"`
	Mock           bool              `json:"mock,omitempty"`
	TLS            *tlsRecord        `json:"tls,omitempty"`
	Owner          string            `json:"owner"`
	State          int               `json:"state"`
	StateReason    string            `json:"state_reason,omitempty"`
	StateTime      time.Time         `json:"state_time"`
	Refusals       refusalsRecord    `json:"refusals,omitzero"`
	TestTime       time.Time         `json:"test_time,omitzero"`
	CreateTime     time.Time         `json:"create_time"`
	UpdateTime     time.Time         `json:"update_time"`
}

type refusalsRecord struct {
	Reason    string    `json:"reason,omitempty"`
	Cleared   int       `json:"cleared,omitempty"`
	ClearTime time.Time `json:"clear_time,omitzero"`
}

type tlsRecord struct {
	CACertificates string `json:"ca_certificates,omitempty"`
	MinVersion     string `json:"min_version,omitempty"`
}

type originRecord struct {
	Scheme string `json:"scheme"`
	Host   string `json:"host"`
}

type facetRecord struct {
	Name  string `json:"n"`
	Value string `json:"v,omitempty"`
}

type secretRecord struct {
	Parameter string `json:"parameter"`
	Version   string `json:"version"`
	Blob      []byte `json:"blob"`
}

type keysetRecord struct {
	Version uint64 `json:"version"`
	KEK     string `json:"kek"`
	Blob    []byte `json:"blob"`
}

func encodeConnection(c core.Connection) ([]byte, error) {
	return encode(connectionRecord{
		UID: c.UID, Change: c.Change, Edits: c.Edits, Connector: c.Connector.String(), PinnedRevision: c.PinnedRevision,
		ParameterSet: c.ParameterSet, Parameters: c.Parameters, SecretNames: c.SecretNames,
		Key: c.Key, DisplayName: c.DisplayName, ServerURL: c.ServerURL, Origins: originRecords(c.Origins), TokenOrigins: c.TokenOrigins, Profile: facetRecords(c.Profile),
		Kind: string(c.Kind), Client: c.Client, Owner: c.Owner,
		Mock: c.Mock, TLS: tlsRecordOf(c.TLS), State: int(c.State), StateReason: c.StateReason, StateTime: c.StateTime.UTC(), TestTime: c.TestTime.UTC(),
		Refusals:   refusalsRecord{c.Refusals.Reason, c.Refusals.Cleared, c.Refusals.ClearTime.UTC()},
		CreateTime: c.CreateTime.UTC(), UpdateTime: c.UpdateTime.UTC(),
	})
}

func decodeConnection(name resource.Connection, data []byte) (core.Connection, error) {
	var r connectionRecord
	if err := decode(data, &r); err != nil {
		return core.Connection{}, err
	}
	connector, err := resource.ParseConnector(r.Connector)
	if err != nil {
		return core.Connection{}, err
	}
	return core.Connection{
		Name: name, UID: r.UID, Change: r.Change, Edits: r.Edits, Connector: connector, PinnedRevision: r.PinnedRevision,
		ParameterSet: r.ParameterSet, Parameters: r.Parameters, SecretNames: r.SecretNames,
		Key: r.Key, DisplayName: r.DisplayName, ServerURL: r.ServerURL, Origins: origins(r.Origins), TokenOrigins: r.TokenOrigins, Profile: facets(r.Profile),
		Kind: oauth.Grant(r.Kind), Client: r.Client, Owner: r.Owner,
		Mock: r.Mock, TLS: r.TLS.settings(),
		State: core.State(r.State), StateReason: r.StateReason, StateTime: r.StateTime, TestTime: r.TestTime,
		Refusals:   core.Refusals(r.Refusals),
		CreateTime: r.CreateTime, UpdateTime: r.UpdateTime,
	}, nil
}

func tlsRecordOf(s core.TLSSettings) *tlsRecord {
	if s == (core.TLSSettings{}) {
		return nil
	}
	r := tlsRecord(s)
	return &r
}

func (r *tlsRecord) settings() core.TLSSettings {
	if r == nil {
		return core.TLSSettings{}
	}
	return core.TLSSettings(*r)
}

func originRecords(origins []core.Origin) []originRecord {
	records := make([]originRecord, 0, len(origins))
	for _, o := range origins {
		records = append(records, originRecord(o))
	}
	return records
}

func origins(records []originRecord) []core.Origin {
	origins := make([]core.Origin, 0, len(records))
	for _, r := range records {
		origins = append(origins, core.Origin(r))
	}
	return origins
}

func facetRecords(facets []oauth.Facet) []facetRecord {
	records := make([]facetRecord, 0, len(facets))
	for _, f := range facets {
		records = append(records, facetRecord(f))
	}
	return records
}

func facets(records []facetRecord) []oauth.Facet {
	var facets []oauth.Facet
	for _, r := range records {
		facets = append(facets, oauth.Facet(r))
	}
	return facets
}

func encodeSecrets(sealed []core.Sealed) ([]byte, error) {
	records := make([]secretRecord, 0, len(sealed))
	for _, s := range sealed {
		records = append(records, secretRecord(s))
	}
	return encode(records)
}

func decodeSecrets(data []byte) ([]core.Sealed, error) {
	var records []secretRecord
	if err := decode(data, &records); err != nil {
		return nil, err
	}
	sealed := make([]core.Sealed, 0, len(records))
	for _, r := range records {
		sealed = append(sealed, core.Sealed(r))
	}
	return sealed, nil
}

func encodeKeyset(w seal.Wrapped) ([]byte, error) { return encode(keysetRecord(w)) }

func decodeKeyset(data []byte) (seal.Wrapped, error) {
	var r keysetRecord
	err := decode(data, &r)
	return seal.Wrapped(r), err
}

func encode(record any) ([]byte, error) {
	data, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append([]byte{recordVersion}, data...), nil
}

func decode(data []byte, record any) error {
	if len(data) == 0 {
		return errors.New("the record is empty")
	}
	if data[0] != recordVersion {
		return fmt.Errorf("the record has version %d and this program reads version %d; run the program that wrote it, or a newer one", data[0], recordVersion)
	}
	if err := json.Unmarshal(data[1:], record); err != nil {
		return fmt.Errorf("decode record: %w", err)
	}
	return nil
}
