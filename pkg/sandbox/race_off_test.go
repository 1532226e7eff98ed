//go:build !race

package sandbox_test

// raceDetector tells that the tests run as the program does.
const raceDetector = false
