//go:build !unix

package h1

import "syscall"

// look cannot see into sockets here: that a server has closed an idle connection
// is noticed by the request that uses it.
type look struct{}

func (*look) prepare(syscall.Conn) {}

func (*look) possible() bool { return false }

func (*look) silent() bool { return true }
