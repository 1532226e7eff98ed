//go:build race

package sandbox

// workerSlack is the memory for data of a worker beside its engine, in bytes. The
// race detector keeps books that are many times larger than what they are about.
const workerSlack = 32 << 30
