package stock

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// tick is the finest step of a creation time: what most clients can represent.
const tick = time.Microsecond

var (
	// ErrNotFound means that there is no item with the id, or not any more.
	ErrNotFound = errors.New("no such item")
	// ErrFull means that the store holds as many items as it may.
	ErrFull = errors.New("the inventory is full")
)

// Config is what a store needs. All fields are required.
type Config struct {
	// MaxItems bounds the items that the store holds at a time.
	MaxItems int
	// Now tells the time.
	Now func() time.Time
	// NewID returns an id that begins with kind and that it has never returned
	// before.
	NewID func(kind string) string
}

// Store holds items in memory, until the process ends. It is safe for
// concurrent use; every item that goes in or out is a copy.
type Store struct {
	config Config

	mu     sync.RWMutex
	items  []Item // oldest first, CreatedAt strictly ascending
	newest time.Time
}

// New returns an empty store.
func New(config Config) *Store { return &Store{config: config} }

// Create adds an item. The draft must have passed [Draft.Check].
func (s *Store) Create(draft Draft) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) >= s.config.MaxItems {
		return Item{}, ErrFull
	}
	now := s.config.Now().UTC().Truncate(tick)
	if !now.After(s.newest) {
		now = s.newest.Add(tick)
	}
	s.newest = now
	item := Item{ID: s.config.NewID("itm"), Draft: draft, CreatedAt: now, UpdatedAt: now}.clone()
	s.items = append(s.items, item)
	return item.clone(), nil
}

// Get returns the item, or [ErrNotFound].
func (s *Store) Get(id string) (Item, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, ok := s.find(id)
	if !ok {
		return Item{}, ErrNotFound
	}
	return s.items[at].clone(), nil
}

// Update replaces what callers write of an item by what edit makes of it, or
// returns [ErrNotFound] or the error of edit, and then changes nothing. The
// store is locked meanwhile: edit must be quick and not call back.
func (s *Store) Update(id string, edit func(Draft) (Draft, error)) (Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.find(id)
	if !ok {
		return Item{}, ErrNotFound
	}
	draft, err := edit(s.items[at].clone().Draft)
	if err != nil {
		return Item{}, err
	}
	item := &s.items[at]
	item.Draft = draft
	item.Tags = distinct(draft.Tags)
	item.UpdatedAt = s.config.Now().UTC().Truncate(tick)
	return item.clone(), nil
}

// Delete removes the item, or returns [ErrNotFound].
func (s *Store) Delete(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.find(id)
	if !ok {
		return ErrNotFound
	}
	s.items = slices.Delete(s.items, at, at+1)
	return nil
}

// Query selects items. The zero value selects all of them, and returns none:
// Limit is a count.
type Query struct {
	// CreatedAfter leaves out items created then or before.
	CreatedAfter time.Time
	// Text must occur in the name, the SKU or the description, in any case.
	Text string
	// Tags must all be on the item, letter for letter.
	Tags []string
	// Offset skips that many of the selected items.
	Offset int
	// Limit bounds the items returned.
	Limit int
}

// List returns the items of the query's page, newest first, never nil, and how
// many the query selects in all.
func (s *Store) List(query Query) (page []Item, total int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	page = make([]Item, 0, min(query.Limit, len(s.items)))
	query.Text = strings.ToLower(query.Text)
	for _, item := range slices.Backward(s.items) {
		if !query.selects(item) {
			continue
		}
		if total >= query.Offset && len(page) < query.Limit {
			page = append(page, item.clone())
		}
		total++
	}
	return page, total
}

// Len returns the number of items.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.items)
}

func (q *Query) selects(item Item) bool {
	if !item.CreatedAt.After(q.CreatedAfter) {
		return false
	}
	for _, tag := range q.Tags {
		if !slices.Contains(item.Tags, tag) {
			return false
		}
	}
	if q.Text == "" {
		return true
	}
	return slices.ContainsFunc([]string{item.Name, item.SKU, item.Description}, func(text string) bool {
		return strings.Contains(strings.ToLower(text), q.Text)
	})
}

func (s *Store) find(id string) (int, bool) {
	at := slices.IndexFunc(s.items, func(item Item) bool { return item.ID == id })
	return at, at >= 0
}
