//go:build !race

package sandbox

// workerSlack is the memory for data of a worker beside its engine, in bytes: the
// Go runtime's arenas, and copies of bodies on their way.
const workerSlack = 768 << 20
