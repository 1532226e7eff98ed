package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// An OAuth client is kept like a connection, in two records, and found by what
// it serves:
//
//	oc/{environment}/{id}                      client
//	os/{environment}/{id}                      its sealed secrets, absent if it has none
//	ox/{environment}/{connector}/{set}         index: id of the client of a parameter set
//
// A set is there by the hash of its name, which may hold any byte.

type clientRecord struct {
	UID          string            `json:"uid"`
	Edits        uint64            `json:"edits"`
	Connector    string            `json:"connector"`
	ParameterSet string            `json:"parameter_set,omitempty"`
	ClientID     string            `json:"client_id"`
	Method       string            `json:"method,omitempty"`
	Settings     map[string]string `json:"settings,omitempty"`
	SecretNames  []string          `json:"secret_names,omitempty"`
	Key          []byte            `json:"key,omitempty"`
	TokenOrigins []string          `json:"token_origins,omitempty"`
	APIOrigins   []string          `json:"api_origins,omitempty"`
	Profiles     []profileRecord   `json:"profiles,omitempty"`
	Issuer       string            `json:"issuer,omitempty"`
	Creator      string            `json:"creator,omitempty"`
	Registered   bool              `json:"registered,omitempty"`
	CreateTime   time.Time         `json:"create_time"`
	UpdateTime   time.Time         `json:"update_time"`
}

type profileRecord struct {
	Set    string        `json:"set"`
	Grant  string        `json:"grant"`
	Facets []facetRecord `json:"facets,omitempty"`
}

func profileRecords(profiles []core.SignInProfile) []profileRecord {
	records := make([]profileRecord, 0, len(profiles))
	for _, p := range profiles {
		records = append(records, profileRecord{Set: p.Set, Grant: string(p.Grant), Facets: facetRecords(p.Facets)})
	}
	return records
}

func profiles(records []profileRecord) []core.SignInProfile {
	var profiles []core.SignInProfile
	for _, r := range records {
		profiles = append(profiles, core.SignInProfile{Set: r.Set, Grant: oauth.Grant(r.Grant), Facets: facets(r.Facets)})
	}
	return profiles
}

func clientKey(name resource.OAuthClient) []byte {
	return []byte("oc/" + name.Environment + "/" + name.ID)
}

func clientSecretsKey(name resource.OAuthClient) []byte {
	return []byte("os/" + name.Environment + "/" + name.ID)
}

// servedKey is where the client of a parameter set is found.
func servedKey(connector resource.Connector, set string) []byte {
	hash := sha256.Sum256([]byte(set))
	return []byte("ox/" + connector.Environment + "/" + connector.ID + "/" + hex.EncodeToString(hash[:]))
}

// InsertClient implements core.ClientStore.
func (s *Store) InsertClient(ctx context.Context, w core.ClientWrite) error {
	return s.commitClient(ctx, w, func(tx kv.Tx) error {
		if err := absent(tx, clientKey(w.Client.Name), core.ErrExists); err != nil {
			return err
		}
		served := servedKey(w.Client.Connector, w.Client.ParameterSet)
		if err := absent(tx, served, core.ErrServed); err != nil {
			return err
		}
		if err := tx.Put(served, []byte(w.Client.Name.ID)); err != nil {
			return err
		}
		return putClient(tx, w)
	})
}

// ReplaceClient implements core.ClientStore.
func (s *Store) ReplaceClient(ctx context.Context, w core.ClientWrite) error {
	return s.commitClient(ctx, w, func(tx kv.Tx) error {
		if err := expectClient(tx, w.Client, w.Client.Edits-1); err != nil {
			return err
		}
		return putClient(tx, w)
	})
}

// RemoveClient implements core.ClientStore.
func (s *Store) RemoveClient(ctx context.Context, w core.ClientWrite) error {
	return s.commitClient(ctx, w, func(tx kv.Tx) error {
		if err := expectClient(tx, w.Client, w.Client.Edits); err != nil {
			return err
		}
		for _, key := range [][]byte{
			clientKey(w.Client.Name), clientSecretsKey(w.Client.Name), servedKey(w.Client.Connector, w.Client.ParameterSet),
		} {
			if err := tx.Delete(key); err != nil {
				return err
			}
		}
		return nil
	})
}

// commitClient makes a change together with its audit record.
func (s *Store) commitClient(ctx context.Context, w core.ClientWrite, change func(kv.Tx) error) error {
	return s.recorded(ctx, w.Audit, change)
}

// absent returns taken if there is something under a key.
func absent(r kv.Reader, key []byte, taken error) error {
	_, err := r.Get(key)
	switch {
	case err == nil:
		return taken
	case errors.Is(err, kv.ErrNotFound):
		return nil
	}
	return err
}

// expectClient returns core.ErrChanged unless the stored client is the one that
// the writer has seen.
func expectClient(r kv.Reader, c core.OAuthClient, edits uint64) error {
	stored, err := loadClient(r, c.Name)
	if errors.Is(err, core.ErrNotFound) {
		return core.ErrChanged
	}
	if err != nil {
		return err
	}
	if stored.UID != c.UID || stored.Edits != edits {
		return core.ErrChanged
	}
	return nil
}

// putClient writes a client, and its secrets if they change.
func putClient(tx kv.Tx, w core.ClientWrite) error {
	record, err := encodeClient(w.Client)
	if err != nil {
		return err
	}
	if err := tx.Put(clientKey(w.Client.Name), record); err != nil {
		return err
	}
	switch {
	case w.Secrets == nil:
		return nil
	case len(w.Secrets) == 0:
		return tx.Delete(clientSecretsKey(w.Client.Name))
	}
	if record, err = encodeSecrets(w.Secrets); err != nil {
		return err
	}
	return tx.Put(clientSecretsKey(w.Client.Name), record)
}

// Client implements core.ClientStore.
func (s *Store) Client(ctx context.Context, name resource.OAuthClient) (c core.OAuthClient, sealed []core.Sealed, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		c, sealed, err = clientWithSecrets(r, name)
		return err
	})
	return c, sealed, err
}

// ClientFor implements core.ClientStore.
func (s *Store) ClientFor(ctx context.Context, connector resource.Connector, set string) (c core.OAuthClient, sealed []core.Sealed, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		for _, served := range []string{set, ""} {
			id, err := r.Get(servedKey(connector, served))
			if errors.Is(err, kv.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			c, sealed, err = clientWithSecrets(r, resource.OAuthClient{Environment: connector.Environment, ID: string(id)})
			if err == nil && (c.Connector != connector || c.ParameterSet != served) {
				return tampered(servedKey(connector, served)) // the index is not proved, the client is
			}
			return err
		}
		return core.ErrNotFound
	})
	return c, sealed, err
}

// Clients implements core.ClientStore.
func (s *Store) Clients(ctx context.Context, q core.ClientQuery) (found []core.OAuthClient, next string, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		found, next = nil, ""
		prefix := clientKey(resource.OAuthClient{Environment: q.Environment})
		return walk(r, prefix, []byte(q.After), q.Limit, func(p kv.Pair, id string) (bool, error) {
			name := resource.OAuthClient{Environment: q.Environment, ID: id}
			c, err := core.OAuthClient{Name: name, Unreadable: true}, error(nil)
			if readable(p) == nil {
				c, err = decodeClient(name, p.Value)
			}
			if err != nil || q.Connector != "" && c.Connector.ID != q.Connector {
				return err == nil, err
			}
			if len(found) == q.Limit {
				next = found[q.Limit-1].Name.ID
				return false, nil
			}
			found = append(found, c)
			return true, nil
		})
	})
	return found, next, err
}

// rewrapClient exchanges the wrapping of a client's key, like rewrapConnection.
func rewrapClient(tx kv.Tx, q core.RewrapQuery, p kv.Pair, k core.Rewrapper) (bool, error) {
	name := resource.OAuthClient{Environment: q.Environment, ID: lastPart(p.Key, clientKey(resource.OAuthClient{Environment: q.Environment}))}
	c, err := decodeClient(name, p.Value)
	if err != nil {
		return false, err
	}
	key, err := k.Rewrap(core.KeyPlace(q.Environment, name.String()), c.Key)
	if err != nil || bytes.Equal(key, c.Key) {
		return false, err
	}
	c.Key = key
	c.Edits++ // whoever has read the client before fails to write it
	return true, putClient(tx, core.ClientWrite{Client: c})
}

func clientWithSecrets(r kv.Reader, name resource.OAuthClient) (core.OAuthClient, []core.Sealed, error) {
	c, err := loadClient(r, name)
	if err != nil {
		return core.OAuthClient{}, nil, err
	}
	record, err := r.Get(clientSecretsKey(name))
	if errors.Is(err, kv.ErrNotFound) {
		return c, nil, nil
	}
	if err != nil {
		return core.OAuthClient{}, nil, err
	}
	sealed, err := decodeSecrets(record)
	if err != nil {
		return core.OAuthClient{}, nil, fmt.Errorf("secrets of %s: %w", name, err)
	}
	return c, sealed, nil
}

// loadClient reads a client, or returns core.ErrNotFound.
func loadClient(r kv.Reader, name resource.OAuthClient) (core.OAuthClient, error) {
	record, err := r.Get(clientKey(name))
	if errors.Is(err, kv.ErrNotFound) {
		return core.OAuthClient{}, core.ErrNotFound
	}
	if err != nil {
		return core.OAuthClient{}, err
	}
	return decodeClient(name, record)
}

func encodeClient(c core.OAuthClient) ([]byte, error) {
	return encode(clientRecord{
		UID: c.UID, Edits: c.Edits, Connector: c.Connector.String(), ParameterSet: c.ParameterSet, ClientID: c.ClientID,
		Method: string(c.Method), Settings: c.Settings, SecretNames: c.SecretNames, Key: c.Key, TokenOrigins: c.TokenOrigins,
		APIOrigins: c.APIOrigins, Profiles: profileRecords(c.Profiles), Issuer: c.Issuer, Creator: c.Creator, Registered: c.Registered, CreateTime: c.CreateTime.UTC(), UpdateTime: c.UpdateTime.UTC(),
	})
}

func decodeClient(name resource.OAuthClient, data []byte) (core.OAuthClient, error) {
	var r clientRecord
	if err := decode(data, &r); err != nil {
		return core.OAuthClient{}, fmt.Errorf("record of %s: %w", name, err)
	}
	connector, err := resource.ParseConnector(r.Connector)
	if err != nil {
		return core.OAuthClient{}, fmt.Errorf("record of %s: %w", name, err)
	}
	return core.OAuthClient{
		Name: name, UID: r.UID, Edits: r.Edits, Connector: connector, ParameterSet: r.ParameterSet, ClientID: r.ClientID,
		Method: oauth.Method(r.Method), Settings: r.Settings, SecretNames: r.SecretNames, Key: r.Key, TokenOrigins: r.TokenOrigins,
		APIOrigins: r.APIOrigins, Profiles: profiles(r.Profiles), Issuer: r.Issuer, Creator: r.Creator, Registered: r.Registered, CreateTime: r.CreateTime, UpdateTime: r.UpdateTime,
	}, nil
}
