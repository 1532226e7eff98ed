package core_test

import (
	"path/filepath"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestASignInOutlivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.db")
	file, err := boltkv.Open(path, boltkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLoginOn(t, file)
	restart := func() {
		t.Helper()
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if file, err = boltkv.Open(path, boltkv.Options{}); err != nil {
			t.Fatal(err)
		}
		l.engine, l.faults = file, faultkv.New(file)
		l.vault, l.records = l.replica()
	}
	l.client()
	l.connect()
	restart()
	a := l.start()
	restart()
	r := l.receive(stateOf(t, a))
	restart()
	if got := l.complete(a, r.Confirmation); got.State != core.AuthorizationSucceeded {
		t.Errorf("got %+v", got)
	}
	restart()
	if lent, err := l.lent(); err != nil || lent["token"] != "canary-access-1" {
		t.Errorf("got %v, %v", lent, err)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}
