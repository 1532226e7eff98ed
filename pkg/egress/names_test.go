package egress_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// names is a resolver over a name server of its own, on loopback, that gives
// every name the same addresses, and counts the questions.
type names struct {
	*net.Resolver
	asked atomic.Int64
}

func newNames(t *testing.T, addresses ...string) *names {
	t.Helper()
	return serveNames(t, func(int64) []string { return addresses })
}

// newChangingNames answers the first question differently from all others.
func newChangingNames(t *testing.T, first, others string) *names {
	t.Helper()
	return serveNames(t, func(question int64) []string {
		if question == 1 {
			return []string{first}
		}
		return []string{others}
	})
}

func serveNames(t *testing.T, addresses func(question int64) []string) *names {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{}
	n.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.serve(socket, addresses)
	}()
	t.Cleanup(func() { _ = socket.Close(); <-done })
	return n
}

func (n *names) serve(socket net.PacketConn, addresses func(question int64) []string) {
	buffer := make([]byte, 1500)
	for {
		size, from, err := socket.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = socket.WriteTo(answer(buffer[:size], addresses(n.asked.Add(1))), from)
	}
}

// answer builds a DNS message (RFC 1035, section 4) for a query of one
// question: its addresses of the asked family, or NXDOMAIN if there are none.
func answer(query []byte, addresses []string) []byte {
	const header, response, noSuchName = 12, 0x8180, 3
	end := header
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	message := append([]byte{}, query[:end+5]...)
	flags, count := uint16(response), uint16(0)
	if len(addresses) == 0 {
		flags |= noSuchName
	}
	for _, text := range addresses {
		address := netip.MustParseAddr(text)
		if address.Is4() != (kind == 1) {
			continue
		}
		count++
		message = append(message, 0xc0, header) // the question's name
		message = binary.BigEndian.AppendUint16(message, kind)
		message = append(message, 0, 1, 0, 0, 0, 0) // class IN, time to live 0
		raw := address.AsSlice()
		message = binary.BigEndian.AppendUint16(message, uint16(len(raw)))
		message = append(message, raw...)
	}
	binary.BigEndian.PutUint16(message[2:], flags)
	binary.BigEndian.PutUint16(message[6:], count)
	binary.BigEndian.PutUint16(message[8:], 0)
	binary.BigEndian.PutUint16(message[10:], 0) // no EDNS in our answer
	return message
}
