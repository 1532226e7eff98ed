package store

import (
	"bytes"
	"slices"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// memoSize is how many connections are remembered in their decoded form.
const memoSize = 4096

// memo spares decoding the same records again and again: lending a credential
// would cost more for that than for everything else. The records themselves are
// read each time, so what it returns is never out of date, whoever has changed
// them. It is safe for concurrent use.
type memo struct {
	mu   sync.RWMutex
	most int
	kept map[resource.Connection]remembered
}

// records are the three records of a connection; nil where there is none.
type records struct{ connection, secrets, grant []byte }

// remembered is what some records mean.
type remembered struct {
	from records
	held core.Held
}

func newMemo(most int) *memo {
	return &memo{most: most, kept: map[resource.Connection]remembered{}}
}

// decode returns what the records of a connection mean. The result shares its
// maps and slices with others: nobody changes them.
func (m *memo) decode(name resource.Connection, from records) (core.Held, error) {
	m.mu.RLock()
	known, ok := m.kept[name]
	m.mu.RUnlock()
	if ok && known.from.equal(from) {
		return known.held, nil
	}
	held, err := decodeHeld(name, from)
	if err != nil {
		return core.Held{}, err
	}
	clip(&held)
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.kept[name]; !ok && len(m.kept) >= m.most {
		for other := range m.kept { // any of them
			delete(m.kept, other)
			break
		}
	}
	m.kept[name] = remembered{from: from, held: held}
	return held, nil
}

// clip sees to it that whoever appends to a slice gets one of his own.
func clip(h *core.Held) {
	h.Connection.SecretNames = slices.Clip(h.Connection.SecretNames)
	h.Connection.Origins = slices.Clip(h.Connection.Origins)
	h.Connection.TokenOrigins = slices.Clip(h.Connection.TokenOrigins)
	h.Connection.Profile = slices.Clip(h.Connection.Profile)
	h.Secrets = slices.Clip(h.Secrets)
	h.Grant.Scopes = slices.Clip(h.Grant.Scopes)
	h.Grant.TokenOrigins = slices.Clip(h.Grant.TokenOrigins)
	h.Grant.Origins = slices.Clip(h.Grant.Origins)
}

func (r records) equal(other records) bool {
	return bytes.Equal(r.connection, other.connection) && bytes.Equal(r.secrets, other.secrets) && bytes.Equal(r.grant, other.grant)
}
