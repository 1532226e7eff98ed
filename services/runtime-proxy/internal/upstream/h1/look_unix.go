//go:build unix

package h1

import "syscall"

// look sees whether something has arrived at a socket, without taking it.
type look struct {
	raw    syscall.RawConn
	peek   func(fd uintptr) // made once, so that a look allocates nothing
	buffer [1]byte
	quiet  bool
}

func (l *look) prepare(socket syscall.Conn) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return // one that cannot be looked at is read with a deadline that is over
	}
	l.raw = raw
	l.peek = func(fd uintptr) {
		for {
			_, _, err := syscall.Recvfrom(int(fd), l.buffer[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
			if err == syscall.EINTR { // system calls do not wrap
				continue
			}
			// No error means bytes, or the end of them.
			l.quiet = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
			return
		}
	}
}

// possible reports whether there is a socket to look at.
func (l *look) possible() bool { return l.raw != nil }

// silent reports whether nothing has arrived, the end included, as far as can be
// seen.
func (l *look) silent() bool {
	if l.raw == nil {
		return true
	}
	l.quiet = false
	return l.raw.Control(l.peek) == nil && l.quiet
}
