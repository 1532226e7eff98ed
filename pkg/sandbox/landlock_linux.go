package sandbox

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ruleset makes a Landlock rule set that handles everything which the version of
// the interface has, and allows none of it.
func ruleset(version int) (fd int, ok bool) {
	// Rights are bits that each version adds to.
	const (
		files1    = 1<<13 - 1
		filesRef  = unix.LANDLOCK_ACCESS_FS_REFER
		filesTrnc = unix.LANDLOCK_ACCESS_FS_TRUNCATE
		filesDev  = unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	)
	attributes := unix.LandlockRulesetAttr{Handled_access_fs: files1}
	if version >= 2 {
		attributes.Handled_access_fs |= filesRef
	}
	if version >= 3 {
		attributes.Handled_access_fs |= filesTrnc
	}
	if version >= 4 {
		attributes.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if version >= 5 {
		attributes.Handled_access_fs |= filesDev
	}
	if version >= 6 {
		attributes.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	// A kernel refuses a structure with fields that it does not know, unless they
	// are zero; older ones know fewer.
	n, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes), 0) //nolint:gosec // The kernel reads the structure during the call.
	return int(n), errno == 0
}
