package http1

import "sync"

// copySize is how much is copied at once.
const copySize = 32 << 10

// copies are buffers for copying, used again.
var copies = sync.Pool{New: func() any { return new([copySize]byte) }}
