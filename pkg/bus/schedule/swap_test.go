package schedule_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// swap is an embedded server that can be restarted under its clients.
type swap struct {
	mu      sync.Mutex
	current *embedded.Server
}

// InProcessConn connects to the server that runs now.
func (s *swap) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current.InProcessConn()
}

// restart stops the server and starts another one on the same files.
func (s *swap) restart(t *testing.T, dir string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.current.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.current = testkit.StartNATS(t, dir)
}
