// Package sandbox runs the custom code of connectors: JavaScript that changes a
// request before it is sent, changes the answer, or answers itself.
//
// Code runs in worker processes: the program re-executes itself, gives up files,
// sockets, environment and most system calls, and then serves one call after the
// other over a pair of pipes. A [Pool] starts workers on demand, hands each call
// to one that is free, and kills what overruns its [Limits]; the death of a worker
// is the failure of one call. Few scripts compute at once; more of them wait for an
// answer, each in its process, and nobody ([Share]) gets everything (slots.go). Each call gets a context of its own: nothing that a
// script leaves in globals or prototypes is seen by the next one.
//
// What a script may ask for it asks its [Host] for: sending requests, connection
// parameters, state, digests. Secrets reach a script as opaque handles only, so
// everything that computes with text goes to the host, which knows what a handle
// stands for and refuses what would reveal it.
//
// Every program that makes a pool, tests included, calls [Main] first of all:
//
//	func main() {
//		sandbox.Main() // does not return in a worker
//		pool := sandbox.New(sandbox.Options{Clock: clock.System()})
//		defer pool.Close()
//		result, err := pool.Run(ctx, sandbox.Invocation{
//			Program: sandbox.Program{Name: "script.js", Source: source},
//			Function: sandbox.Before, Request: request, Host: host,
//		})
//	}
//
// README.md of this folder describes the language for those who write such code.
package sandbox
