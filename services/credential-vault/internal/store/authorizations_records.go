package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// A sign-in is one record with its secrets in it: it is short-lived and never
// listed for others.
//
//	n/{environment}/{connection}/{id}          sign-in
//	ns/{hash of the state}                     index: name of the sign-in
//	ne/{time}{name}                            index: by when something is to be done
//	np/{length}{principal}{name}               index: those of a principal that are not over
//	no/{environment}/{connection}/{time}{id}   index: those of a connection that are not over
//	nx/{environment}/{connection}/{time}{id}   index: those that are, and have nothing to give back
//
// The last two are by the time at which the sign-in began, the oldest first.

// stamp is the length of the time in an index key, in bytes.
const stamp = 8

const (
	openPrefix  = "no/"
	endedPrefix = "nx/"
)

type authorizationRecord struct {
	Change            uint64         `json:"change"`
	ConnectionUID     string         `json:"connection_uid"`
	Principal         string         `json:"principal"`
	State             int            `json:"state"`
	Kind              string         `json:"kind"`
	StateHash         string         `json:"state_hash,omitempty"`
	Callback          string         `json:"callback,omitempty"`
	Seal              string         `json:"seal,omitempty"`
	Secrets           []secretRecord `json:"secrets,omitempty"`
	Profile           []facetRecord  `json:"profile,omitempty"`
	IssuerNamed       bool           `json:"issuer_named,omitempty"`
	APIOrigins        []originRecord `json:"api_origins,omitempty"`
	ReturnURL         string         `json:"return_url,omitempty"`
	ClaimTime         time.Time      `json:"claim_time,omitzero"`
	Tries             int            `json:"tries,omitempty"`
	PollTime          time.Time      `json:"poll_time,omitzero"`
	PollInterval      time.Duration  `json:"poll_interval,omitempty"`
	ExtraScopes       []string       `json:"extra_scopes,omitempty"`
	Scopes            []string       `json:"scopes,omitempty"`
	TokenExpireTime   time.Time      `json:"token_expire_time,omitzero"`
	RefreshExpireTime time.Time      `json:"refresh_expire_time,omitzero"`
	Identity          string         `json:"identity,omitempty"`
	Reason            string         `json:"reason,omitempty"`
	ExpireTime        time.Time      `json:"expire_time"`
	CreateTime        time.Time      `json:"create_time"`
}

func authorizationsPrefix(of resource.Connection) []byte {
	return []byte("n/" + of.Environment + "/" + of.ID + "/")
}

func authorizationKey(name resource.Authorization) []byte {
	return append(authorizationsPrefix(name.Parent()), name.ID...)
}

func stateKey(hash string) []byte { return []byte("ns/" + hash) }

func endKey(a core.Authorization) []byte {
	key := binary.BigEndian.AppendUint64([]byte("ne/"), uint64(max(a.SweepTime().UnixNano(), 0)))
	return append(key, a.Name.String()...)
}

// waitingPrefix has the principal's length in front, like ownerPrefix.
func waitingPrefix(principal string) []byte {
	key := binary.BigEndian.AppendUint16([]byte("np/"), uint16(len(principal)))
	return append(key, principal...)
}

func waitingKey(a core.Authorization) []byte {
	return append(waitingPrefix(a.Principal), a.Name.String()...)
}

// over reports whether nothing can become of a sign-in any more.
func over(a core.Authorization) bool {
	return a.State == core.AuthorizationSucceeded || a.State == core.AuthorizationFailed
}

// ofConnection is where one of the lists of a connection's sign-ins begins.
func ofConnection(list string, of resource.Connection) []byte {
	return []byte(list + of.Environment + "/" + of.ID + "/")
}

// listKey returns the key of a sign-in in the list that it belongs to, nil if it
// is in none.
func listKey(a core.Authorization) []byte {
	list := openPrefix
	switch {
	case over(a) && len(a.Secrets) > 0:
		return nil // it is removed when what it brought has been given back
	case over(a):
		list = endedPrefix
	}
	key := binary.BigEndian.AppendUint64(ofConnection(list, a.Name.Parent()), uint64(max(a.CreateTime.UnixNano(), 0)))
	return append(key, a.Name.ID...)
}

func encodeAuthorization(a core.Authorization) ([]byte, error) {
	secrets := make([]secretRecord, 0, len(a.Secrets))
	for _, s := range a.Secrets {
		secrets = append(secrets, secretRecord(s))
	}
	return encode(authorizationRecord{
		Change: a.Change, ConnectionUID: a.ConnectionUID, Principal: a.Principal, State: int(a.State), Kind: string(a.Kind),
		StateHash: a.StateHash, Callback: a.Callback, Seal: a.Seal, Secrets: secrets, Profile: facetRecords(a.Profile), IssuerNamed: a.IssuerNamed, APIOrigins: originRecords(a.APIOrigins), ReturnURL: a.ReturnURL,
		ClaimTime: a.ClaimTime.UTC(), Tries: a.Tries, PollTime: a.PollTime.UTC(), PollInterval: a.PollInterval,
		ExtraScopes: a.ExtraScopes, Scopes: a.Scopes,
		TokenExpireTime: a.TokenExpireTime.UTC(), RefreshExpireTime: a.RefreshExpireTime.UTC(), Identity: a.Identity,
		Reason: a.Reason, ExpireTime: a.ExpireTime.UTC(), CreateTime: a.CreateTime.UTC(),
	})
}

func decodeAuthorization(name resource.Authorization, data []byte) (core.Authorization, error) {
	var r authorizationRecord
	if err := decode(data, &r); err != nil {
		return core.Authorization{}, fmt.Errorf("record of %s: %w", name, err)
	}
	var secrets []core.Sealed
	for _, s := range r.Secrets {
		secrets = append(secrets, core.Sealed(s))
	}
	return core.Authorization{
		Name: name, Change: r.Change, ConnectionUID: r.ConnectionUID, Principal: r.Principal, State: core.AuthorizationState(r.State),
		Kind: oauth.Grant(r.Kind), StateHash: r.StateHash, Callback: r.Callback, Seal: r.Seal, Secrets: secrets, Profile: facets(r.Profile), IssuerNamed: r.IssuerNamed, APIOrigins: origins(r.APIOrigins),
		ReturnURL: r.ReturnURL, ClaimTime: r.ClaimTime, Tries: r.Tries, PollTime: r.PollTime, PollInterval: r.PollInterval,
		ExtraScopes: r.ExtraScopes, Scopes: r.Scopes, TokenExpireTime: r.TokenExpireTime, RefreshExpireTime: r.RefreshExpireTime, Identity: r.Identity,
		Reason: r.Reason, ExpireTime: r.ExpireTime, CreateTime: r.CreateTime,
	}, nil
}
