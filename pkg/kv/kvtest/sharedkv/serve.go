package sharedkv

import (
	"context"
	"encoding/gob"
	"errors"
	"net"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// errAbandoned undoes the transaction of a client that went away or gave up.
var errAbandoned = errors.New("the transaction was abandoned")

// Serve lets the clients that connect to listener use store, until ctx ends. It
// closes the listener, and returns when no client's transaction is under way. The
// store stays open.
func Serve(ctx context.Context, listener net.Listener, store kv.Store) error {
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	defer stop()
	var clients sync.WaitGroup
	defer clients.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		clients.Go(func() { serve(ctx, conn, store) })
	}
}

// session is the one transaction of a connection.
type session struct {
	in  chan request // closed when the client is gone
	out *gob.Encoder
}

// serve runs the transaction of a connection.
func serve(ctx context.Context, conn net.Conn, store kv.Store) {
	ctx, cancel := context.WithCancel(ctx)
	s := session{in: make(chan request), out: gob.NewEncoder(conn)}
	var reader sync.WaitGroup
	reader.Go(func() {
		defer cancel()
		defer close(s.in)
		requests := gob.NewDecoder(conn)
		for {
			var r request
			if requests.Decode(&r) != nil {
				return
			}
			select {
			case s.in <- r:
			case <-ctx.Done():
				return
			}
		}
	})
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	s.run(ctx, store)
	stop()
	cancel()
	_ = conn.Close()
	reader.Wait()
}

// run answers until the transaction ends.
func (s session) run(ctx context.Context, store kv.Store) {
	var err error
	begun := false
	switch first := <-s.in; first.Op {
	case opView:
		err = store.View(ctx, func(r kv.Reader) error {
			begun = true
			return s.answer(r, nil)
		})
	case opUpdate:
		err = store.Update(ctx, func(tx kv.Tx) error {
			begun = true
			return s.answer(tx, tx)
		})
	default:
		return
	}
	if !begun || !errors.Is(err, errAbandoned) {
		_ = s.out.Encode(failed(err)) // a client that is gone wants no answer
	}
}

// answer does what the client asks for. tx is nil in a view.
func (s session) answer(r kv.Reader, tx kv.Tx) error {
	if s.out.Encode(response{}) != nil { // it has begun
		return errAbandoned
	}
	for q := range s.in {
		var a response
		var err error
		switch {
		case q.Op == opGet:
			a.Value, err = r.Get(q.Key)
		case q.Op == opScan:
			a.Pairs, err = r.Scan(q.Key, q.Value, q.Limit)
		case q.Op == opPut && tx != nil:
			err = tx.Put(q.Key, q.Value)
		case q.Op == opDelete && tx != nil:
			err = tx.Delete(q.Key)
		case q.Op == opCommit:
			return nil // answered when it has happened
		default:
			err = errors.New("this is no request of a transaction under way")
		}
		if err != nil {
			a = failed(err)
		}
		if s.out.Encode(a) != nil {
			return errAbandoned
		}
	}
	return errAbandoned
}
