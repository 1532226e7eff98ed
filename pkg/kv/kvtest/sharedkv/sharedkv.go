// Package sharedkv lends one kv store to several processes of a test, so that
// replicas can be tried as what they are: processes. It is for tests only, and
// knows nothing of authentication.
//
// [Serve] answers on a listener, which is a Unix socket as a rule; [Dial] returns
// a [kv.Store] that another process uses like its own. Every transaction has a
// connection to itself. It runs in the serving process for as long as the other
// one needs, which is what makes transactions of different processes one sequence;
// a process that is killed has its transaction undone.
//
//	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "kv"))
//	go sharedkv.Serve(ctx, listener, store)
//	… in another process …
//	store := sharedkv.Dial("unix", path)
package sharedkv

import (
	"errors"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

// op is what a request asks for.
type op int

const (
	opView op = iota + 1
	opUpdate
	opGet
	opScan
	opPut
	opDelete
	opCommit
)

// request is what a client sends. The first of a connection is opView or opUpdate;
// an update ends with opCommit, and everything else with the connection.
type request struct {
	Op    op
	Key   []byte // of a scan its prefix
	Value []byte // of a scan the key to begin after
	Limit int
}

// response is the answer to a request.
type response struct {
	Value []byte
	Pairs []kv.Pair
	Code  int    // which of the contract's errors it is, 0 for none of them
	Error string // the text of any other
}

// contract returns the errors that keep their identity between processes. Their
// order is the protocol.
func contract() []error {
	return []error{nil, kv.ErrNotFound, kv.ErrEmptyKey, kv.ErrTooLarge, kv.ErrLimit, kv.ErrReadOnly, kv.ErrClosed, kv.ErrTxDone}
}

// failed returns the response for an error, which may be nil.
func failed(err error) response {
	if err == nil {
		return response{}
	}
	for code, known := range contract() {
		if known != nil && errors.Is(err, known) {
			return response{Code: code, Error: err.Error()}
		}
	}
	return response{Error: err.Error()}
}

// err returns the error of a response.
func (r response) err() error {
	known := contract()
	switch {
	case r.Code > 0 && r.Code < len(known):
		return known[r.Code]
	case r.Error != "":
		return errors.New(r.Error)
	}
	return nil
}
