package store

import (
	"time"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

type grantRecord struct {
	UID           string         `json:"uid"`
	Change        uint64         `json:"change"`
	Version       uint64         `json:"version"`
	Kind          string         `json:"kind,omitempty"`
	Edits         uint64         `json:"edits,omitempty"`
	Seal          string         `json:"seal,omitempty"`
	Access        []byte         `json:"access,omitempty"`
	Refresh       []byte         `json:"refresh,omitempty"`
	Expire        time.Time      `json:"expire,omitzero"`
	RefreshExpire time.Time      `json:"refresh_expire,omitzero"`
	Obtained      time.Time      `json:"obtained,omitzero"`
	Used          time.Time      `json:"used,omitzero"`
	Scopes        []string       `json:"scopes,omitempty"`
	Identity      string         `json:"identity,omitempty"`
	TokenOrigins  []string       `json:"token_origins,omitempty"`
	RefreshedBy   string         `json:"refreshed_by,omitempty"`
	Origins       []originRecord `json:"origins,omitempty"`
	Header        string         `json:"header,omitempty"`
	Prefix        string         `json:"prefix,omitempty"`
	Due           time.Time      `json:"due,omitzero"`
	Attempt       *attemptRecord `json:"attempt,omitempty"`
	Failures      int            `json:"failures,omitempty"`
	Failure       string         `json:"failure,omitempty"`
	FailureEdits  uint64         `json:"failure_edits,omitempty"`
	Hopeless      bool           `json:"hopeless,omitempty"`
	NotBefore     time.Time      `json:"not_before,omitzero"`
	Rejections    int            `json:"rejections,omitempty"`
	Rejected      time.Time      `json:"rejected,omitzero"`
}

type attemptRecord struct {
	ID          string    `json:"id"`
	Start       time.Time `json:"start"`
	Deadline    time.Time `json:"deadline"`
	Interrupted int       `json:"interrupted,omitempty"`
}

func encodeGrant(g core.Grant) ([]byte, error) {
	r := grantRecord{
		UID: g.UID, Change: g.Change, Version: g.Version, Kind: string(g.Kind), Edits: g.Edits,
		Seal: g.Seal, Access: g.Access, Refresh: g.Refresh,
		Expire: g.ExpireTime.UTC(), RefreshExpire: g.RefreshExpireTime.UTC(), Obtained: g.ObtainTime.UTC(), Used: g.UseTime.UTC(),
		Scopes: g.Scopes, Identity: g.Identity, TokenOrigins: g.TokenOrigins, RefreshedBy: g.RefreshedBy, Origins: originRecords(g.Origins),
		Header: g.Placement.Header, Prefix: g.Placement.Prefix, Due: g.Due.UTC(),
		Failures: g.Failures, Failure: g.Failure, FailureEdits: g.FailureEdits, Hopeless: g.Hopeless, NotBefore: g.NotBefore.UTC(),
		Rejections: g.Rejections, Rejected: g.RejectTime.UTC(),
	}
	if a := g.Attempt; a.ID != "" {
		r.Attempt = &attemptRecord{ID: a.ID, Start: a.Start.UTC(), Deadline: a.Deadline.UTC(), Interrupted: a.Interrupted}
	}
	return encode(r)
}

func decodeGrant(data []byte) (core.Grant, error) {
	var r grantRecord
	if err := decode(data, &r); err != nil {
		return core.Grant{}, err
	}
	g := core.Grant{
		UID: r.UID, Change: r.Change, Version: r.Version, Kind: oauth.Grant(r.Kind), Edits: r.Edits,
		Seal: r.Seal, Access: r.Access, Refresh: r.Refresh,
		ExpireTime: r.Expire, RefreshExpireTime: r.RefreshExpire, ObtainTime: r.Obtained, UseTime: r.Used,
		Scopes: r.Scopes, Identity: r.Identity, TokenOrigins: r.TokenOrigins, RefreshedBy: r.RefreshedBy, Origins: origins(r.Origins),
		Placement: oauth.Placement{Header: r.Header, Prefix: r.Prefix}, Due: r.Due,
		Failures: r.Failures, Failure: r.Failure, FailureEdits: r.FailureEdits, Hopeless: r.Hopeless, NotBefore: r.NotBefore,
		Rejections: r.Rejections, RejectTime: r.Rejected,
	}
	if a := r.Attempt; a != nil {
		g.Attempt = core.Attempt(*a)
	}
	return g, nil
}
