package sandbox

import "golang.org/x/sys/unix"

// auditArch is the architecture whose system calls the filter knows.
const auditArch = unix.AUDIT_ARCH_AARCH64
