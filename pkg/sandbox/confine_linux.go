package sandbox

import (
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxFiles is how many files a worker may have open: its pipes, the standard
// three, and what the Go runtime opened before.
const maxFiles = 16

// confine gives up what the worker does not need, and reports what the system
// knew. Order matters: the last step forbids the ones before.
func confine(memory string) Isolation {
	// Some steps hold for the thread that takes them, and later ones need them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var i Isolation
	i.Limits = limit(memory)
	// Nothing of this process is shown to others of the same user, and none of
	// them may trace it.
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	i.NoNewPrivileges = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == nil
	i.Landlock = landlock()
	i.Seccomp = seccomp()
	return i
}

// limit sets resource limits. The number of processes is none of them: it counts
// threads of the whole user, and Go starts some; the filter forbids processes.
func limit(memory string) bool {
	data, err := strconv.ParseUint(memory, 10, 64)
	if err != nil {
		return false
	}
	// Go reserves far more addresses than it uses, so that RLIMIT_AS would end it
	// at once; RLIMIT_DATA counts what is writable.
	ok := true
	for resource, value := range map[int]uint64{
		unix.RLIMIT_DATA:   data,
		unix.RLIMIT_NOFILE: maxFiles,
		unix.RLIMIT_CORE:   0,
		unix.RLIMIT_FSIZE:  0,
	} {
		ok = unix.Setrlimit(resource, &unix.Rlimit{Cur: value, Max: value}) == nil && ok
	}
	return ok
}

// landlock denies all threads files, TCP, other processes' abstract sockets and
// signals, as far as the kernel knows how to: what it handles and no rule allows
// is denied.
func landlock() bool {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return false
	}
	fd, ok := ruleset(int(version))
	if !ok {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	// A thread that is not there yet inherits from the one that makes it. This
	// fails in programs with C code, where the filter has to do.
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); errno != 0 {
		return false
	}
	_, _, errno = syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(fd), 0, 0)
	return errno == 0
}
