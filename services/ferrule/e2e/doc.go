// Package e2e holds the tests that see the suite as its users do: they build the
// real programs, run "ferrule up" and the demonstration's API as processes, and
// speak to them over REST and gRPC only.
//
// What is proved here is what no smaller test can prove: that a connector makes
// the whole journey from its description to its events, that killing the process
// at any moment loses no event, that bad input is answered with a stable reason
// and changes nothing, and that a secret is nowhere to be read.
//
// The moments of the kills are random. They are repeated with
//
//	go test ./e2e -run Kill -seed 42
//
// TestSoak runs NATS and the services as processes of their own and kills them for as
// long as FERRULE_SOAK says, while an API and its sinks fail:
//
//	FERRULE_SOAK=10m go test ./e2e -run Soak -v -timeout 30m -seed 42
//
// It takes a minute where CI is true, and is left out elsewhere.
//
// The package has no code of its own.
package e2e
