//go:build race

package sandbox_test

// raceDetector tells that pointers are checked, too: what the engine does where it
// has no poller is the end of the process then, and cannot be recovered from.
const raceDetector = true
