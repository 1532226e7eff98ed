//go:build amd64 || arm64

package sandbox

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// allowedCalls are the system calls that computing, memory, threads, time and
// pipes need. Everything else is answered with EPERM: opening files, sockets,
// starting programs, tracing.
var allowedCalls = []uint32{
	unix.SYS_FUTEX, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_CLOSE,
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY,
	unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_GETTID, unix.SYS_GETPID, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_RESTART_SYSCALL,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_SETITIMER,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_GETRANDOM, unix.SYS_MEMBARRIER,
	unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL,
}

// Where the kernel puts what a filter looks at, in struct seccomp_data. Both
// processors are little-endian: the low half of an argument comes first.
const (
	atNumber   = 0
	atArch     = 4
	atArgument = 16
)

// seccomp installs the filter on all threads of the process.
func seccomp() bool {
	program := filter(uint32(os.Getpid()))
	f := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&f))) //nolint:gosec // The kernel reads the structure during the call.
	return errno == 0
}

// filter is the program that the kernel runs at every system call.
func filter(process uint32) []unix.SockFilter {
	refuse := stop(unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM))
	allow := stop(unix.SECCOMP_RET_ALLOW)
	program := []unix.SockFilter{
		load(atArch),
		equal(auditArch, 1, 0),
		stop(unix.SECCOMP_RET_KILL_PROCESS), // numbers of another architecture would mean other calls
		load(atNumber),
	}
	for _, number := range allowedCalls {
		program = append(program, equal(number, 0, 1), allow)
	}
	// Memory that can be written and run is how broken engines are taken over.
	for _, number := range []uint32{unix.SYS_MMAP, unix.SYS_MPROTECT} {
		program = append(program, equal(number, 0, 4), load(atArgument+2*8), anyBit(unix.PROT_EXEC, 0, 1), refuse, allow)
	}
	return append(
		program,
		// Threads, but no processes.
		equal(unix.SYS_CLONE, 0, 4), load(atArgument), anyBit(unix.CLONE_THREAD, 0, 1), allow, refuse,
		// The C library falls back to clone where clone3, whose flags a filter
		// cannot see, does not exist.
		equal(unix.SYS_CLONE3, 0, 1), stop(unix.SECCOMP_RET_ERRNO|uint32(unix.ENOSYS)),
		// The runtime interrupts its own threads.
		equal(unix.SYS_TGKILL, 0, 4), load(atArgument), equal(process, 0, 1), allow, refuse,
		refuse,
	)
}

// load reads a word of struct seccomp_data.
func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

// equal skips so many instructions if the word is the value, or if it is not.
func equal(value uint32, then, otherwise uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: then, Jf: otherwise, K: value}
}

// anyBit skips so many instructions if the word has a bit of the mask, or none.
func anyBit(mask uint32, then, otherwise uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: then, Jf: otherwise, K: mask}
}

// stop ends the filter with a verdict.
func stop(verdict uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
}
