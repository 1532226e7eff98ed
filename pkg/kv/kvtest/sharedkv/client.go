package sharedkv

import (
	"context"
	"encoding/gob"
	"fmt"
	"net"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

var _ kv.Store = (*Client)(nil)

// Client is a store in another process. It keeps the contract of [kv.Store]. Its
// errors are those of the contract, or carry the text of the serving process.
type Client struct {
	network, address string

	mu     sync.Mutex
	closed bool
	under  sync.WaitGroup
}

// Dial returns the store that is served at an address. It connects at each
// transaction.
func Dial(network, address string) *Client { return &Client{network: network, address: address} }

// View implements [kv.Store].
func (c *Client) View(ctx context.Context, fn func(kv.Reader) error) error {
	return c.transact(ctx, opView, func(t *tx) error { return fn(t) })
}

// Update implements [kv.Store].
func (c *Client) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return c.transact(ctx, opUpdate, func(t *tx) error { return fn(t) })
}

// Close implements [kv.Store]. The store itself stays open in its own process.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.under.Wait()
	return nil
}

// enter counts a transaction, unless the store is closed.
func (c *Client) enter() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return kv.ErrClosed
	}
	c.under.Add(1)
	return nil
}

// transact runs a function as a transaction over a connection of its own. Closing
// the connection undoes what was not committed.
func (c *Client) transact(ctx context.Context, kind op, fn func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		return err
	}
	defer c.under.Done()
	conn, err := (&net.Dialer{}).DialContext(ctx, c.network, c.address)
	if err != nil {
		return fmt.Errorf("reach the shared store: %w", err)
	}
	defer func() { _ = conn.Close() }()
	t := &tx{out: gob.NewEncoder(conn), in: gob.NewDecoder(conn)}
	defer t.end()
	if err := begin(ctx, conn, t, kind); err != nil {
		return err
	}
	if err := fn(t); err != nil {
		return err
	}
	if kind == opView {
		return nil
	}
	_, err = t.ask(request{Op: opCommit})
	return err
}

// begin waits until the transaction has its turn, or ctx ends.
func begin(ctx context.Context, conn net.Conn, t *tx, kind op) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	_, err := t.ask(request{Op: kind})
	if !stop() { // ctx has ended, and the connection with it
		return ctx.Err()
	}
	return err
}

// tx is a transaction under way.
type tx struct {
	mu   sync.Mutex
	out  *gob.Encoder
	in   *gob.Decoder
	done bool
}

// end makes all that follows fail.
func (t *tx) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = true
}

func (t *tx) ask(q request) (response, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return response{}, kv.ErrTxDone
	}
	if err := t.out.Encode(q); err != nil {
		return response{}, fmt.Errorf("ask the shared store: %w", err)
	}
	var r response
	if err := t.in.Decode(&r); err != nil {
		return response{}, fmt.Errorf("ask the shared store: %w", err)
	}
	return r, r.err()
}

// Get implements [kv.Reader].
func (t *tx) Get(key []byte) ([]byte, error) {
	r, err := t.ask(request{Op: opGet, Key: key})
	if err != nil {
		return nil, err
	}
	return notNil(r.Value), nil
}

// Scan implements [kv.Reader].
func (t *tx) Scan(prefix, after []byte, limit int) ([]kv.Pair, error) {
	r, err := t.ask(request{Op: opScan, Key: prefix, Value: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	for i := range r.Pairs {
		r.Pairs[i].Value = notNil(r.Pairs[i].Value)
	}
	return r.Pairs, nil
}

// Put implements [kv.Tx].
func (t *tx) Put(key, value []byte) error {
	_, err := t.ask(request{Op: opPut, Key: key, Value: value})
	return err
}

// Delete implements [kv.Tx].
func (t *tx) Delete(key []byte) error {
	_, err := t.ask(request{Op: opDelete, Key: key})
	return err
}

// notNil undoes what gob does to empty values.
func notNil(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}
