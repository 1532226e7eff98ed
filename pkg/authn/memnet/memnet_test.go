package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc/credentials"

	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
)

// connect returns both ends of a connection that caller made to service.
func connect(t *testing.T, service, caller string) (near, far net.Conn) {
	t.Helper()
	l := memnet.Listen(service)
	accepted := make(chan net.Conn, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}()
	near, err := l.Dialer(caller)(t.Context(), "ignored")
	if err != nil {
		t.Fatal(err)
	}
	far = <-accepted
	t.Cleanup(func() { _ = errors.Join(near.Close(), far.Close()) })
	return near, far
}

func TestConnectionsKnowTheirPeers(t *testing.T) {
	near, far := connect(t, "registry", "gateway")
	_, atServer, err := memnet.ServerCredentials(nil).ServerHandshake(far)
	if err != nil {
		t.Fatal(err)
	}
	_, atClient, err := memnet.ClientCredentials().ClientHandshake(t.Context(), "whatever", near)
	if err != nil {
		t.Fatal(err)
	}
	for end, info := range map[string]credentials.AuthInfo{"gateway": atServer, "registry": atClient} {
		own, ok := info.(memnet.AuthInfo)
		if !ok || own.Service != end || own.SecurityLevel != credentials.PrivacyAndIntegrity || own.AuthType() != "memory" {
			t.Errorf("info = %#v, want the peer %q", info, end)
		}
	}
	if near.RemoteAddr().String() != "registry" || far.RemoteAddr().String() != "gateway" || far.RemoteAddr().Network() != "memory" {
		t.Errorf("addresses %v and %v", near.RemoteAddr(), far.RemoteAddr())
	}
}

func TestBytesPassBothWays(t *testing.T) {
	near, far := connect(t, "registry", "gateway")
	payload := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // four times the buffer
	var wg sync.WaitGroup
	for from, to := range map[net.Conn]net.Conn{near: far, far: near} {
		wg.Go(func() {
			if _, err := from.Write(payload); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			got := make([]byte, len(payload))
			if _, err := io.ReadFull(to, got); err != nil || !bytes.Equal(got, payload) {
				t.Errorf("received something else: %v", err)
			}
		})
	}
	wg.Wait()
	if err := near.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("after the other end closed: %v", err)
	}
}

func TestWhatIsNotInMemoryGetsNoName(t *testing.T) {
	a, b := net.Pipe()
	t.Cleanup(func() { _ = errors.Join(a.Close(), b.Close()) })
	if _, info, err := memnet.ServerCredentials(nil).ServerHandshake(a); err == nil {
		t.Errorf("a server took it for %v", info)
	}
	if _, info, err := memnet.ClientCredentials().ClientHandshake(t.Context(), "x", b); err == nil {
		t.Errorf("a client took it for %v", info)
	}
	// Something that wraps a connection could show one thing and do another.
	near, far := connect(t, "registry", "gateway")
	for _, c := range []net.Conn{struct{ net.Conn }{near}, struct{ net.Conn }{far}} {
		if _, info, err := memnet.ServerCredentials(nil).ServerHandshake(c); err == nil {
			t.Errorf("a wrapped connection was taken for %v", info)
		}
	}
}

// otherCreds is a fallback that notes its use.
type otherCreds struct {
	credentials.TransportCredentials

	used *int
}

func (c otherCreds) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	*c.used++
	return raw, nil, nil
}

func (c otherCreds) Clone() credentials.TransportCredentials { return c }

func TestOtherConnectionsAreLeftToTheFallback(t *testing.T) {
	used := 0
	creds := memnet.ServerCredentials(otherCreds{used: &used}).Clone()
	_, far := connect(t, "registry", "gateway")
	if _, info, err := creds.ServerHandshake(far); err != nil || info == nil || used != 0 {
		t.Errorf("a memory connection: %v, %v, fallback used %d times", info, err, used)
	}
	a, b := net.Pipe()
	t.Cleanup(func() { _ = errors.Join(a.Close(), b.Close()) })
	if _, _, err := creds.ServerHandshake(a); err != nil || used != 1 {
		t.Errorf("another connection: %v, fallback used %d times", err, used)
	}
	if _, _, err := creds.ClientHandshake(t.Context(), "x", b); err == nil || used != 1 {
		t.Error("the fallback served a client")
	}
}

func TestDialingEnds(t *testing.T) {
	t.Run("with the context", func(t *testing.T) {
		l := memnet.Listen("registry") // nobody accepts
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := l.Dialer("gateway")(ctx, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v", err)
		}
	})
	t.Run("with the listener", func(t *testing.T) {
		l := memnet.Listen("registry")
		dialed, accepted := make(chan error, 1), make(chan error, 1)
		go func() { _, err := l.Accept(); accepted <- err }()
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Fatal(err)
		}
		go func() { _, err := l.Dialer("gateway")(context.Background(), ""); dialed <- err }()
		for name, ch := range map[string]chan error{"dial": dialed, "accept": accepted} {
			if err := <-ch; !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("but open connections stay", func(t *testing.T) {
		l := memnet.Listen("registry")
		accepted := make(chan net.Conn, 1)
		go func() { c, _ := l.Accept(); accepted <- c }()
		near, err := l.Dialer("gateway")(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		far := <-accepted
		_ = l.Close()
		if _, err := near.Write([]byte("x")); err != nil {
			t.Errorf("write: %v", err)
		}
		if _, err := far.Read(make([]byte, 1)); err != nil {
			t.Errorf("read: %v", err)
		}
	})
	if l := memnet.Listen("registry"); l.Addr().String() != "registry" || l.Addr().Network() != "memory" {
		t.Errorf("addr = %v", l.Addr())
	}
}
