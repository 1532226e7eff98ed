package main

import "regexp"

// repository is the prefix of every import path of this repository.
const repository = "github.com/ferrule-dev/ferrule/"

// The limits of a readable file and function, in lines from the first to the
// last one. Tests and generated code are free of them.
const (
	maxFileLines     = 500
	maxFunctionLines = 60
)

// corePackage matches the packages that hold rules and decisions. They are fed
// through interfaces of their own, so that they can be read and tested without
// a network, a server or a database.
var corePackage = regexp.MustCompile(`^services/[^/]+/internal/(?:.+/)?(?:core|diff|edit|exporter|importer|infer|lint|overlay|plan|policy|selection)(?:/|$)`)

// transports are the modules that no core package may reach, directly or
// through another package of this repository.
var transports = []string{
	"google.golang.org/grpc",
	"github.com/nats-io",
	"go.etcd.io/bbolt",
	"github.com/grpc-ecosystem/grpc-gateway",
}

// serverNames are the identifiers of net/http that make a package a server or a
// client. The plain data of that package (Header, methods, status codes) may be
// used anywhere.
var serverNames = map[string]bool{
	"Client": true, "ConnState": true, "DefaultClient": true, "DefaultServeMux": true, "DefaultTransport": true,
	"FileServer": true, "Flusher": true, "Get": true, "Handle": true, "HandleFunc": true, "Handler": true,
	"HandlerFunc": true, "Head": true, "Hijacker": true, "ListenAndServe": true, "ListenAndServeTLS": true,
	"NewResponseController": true, "NewServeMux": true, "Post": true, "PostForm": true, "Redirect": true,
	"ResponseController": true, "ResponseWriter": true, "RoundTripper": true, "Serve": true, "ServeMux": true,
	"Server": true, "Transport": true,
}

// clockReaders are the functions of package time that read or wait on the wall
// clock.
var clockReaders = map[string]bool{"Now": true, "Since": true, "Until": true, "Sleep": true}

// revealPackage is the key to secret values: importing it is permission to read
// them.
const revealPackage = "pkg/secret/reveal"

// Who may do what nobody else may. A new line here is a decision: it needs the
// reason beside it.
var (
	// revealers are the packages that may read secret values.
	revealers = map[string]string{
		"pkg/secret": "defines the values, and tests that nothing else shows them",
		"services/credential-vault/internal/chain":  "computes proofs of audit records with their key",
		"services/credential-vault/internal/intake": "turns certificates that owners send into one form, and judges what was pasted",
		"services/credential-vault/internal/oauth":  "sends client secrets and tokens to providers, and reads new ones",
		"services/credential-vault/internal/lend":   "fills the answer to the runtime's resolve call",
		"services/credential-vault/internal/seal":   "encrypts and decrypts them",
		"services/runtime-proxy/internal/inject":    "places them in the request, the last step before the wire",
	}
	// testRevealers are packages whose tests, and nothing else of them, may read
	// secret values.
	testRevealers = map[string]string{
		"services/credential-vault/internal/core": "its tests open what was sealed, to see that it is the same",
	}
	// dialers are the packages that may make HTTP transports and dialers.
	dialers = map[string]string{
		"deploy/demo/inventory":                    "plays somebody else's API, outside the suite",
		"pkg/egress":                               "judges every address before it is dialled",
		"pkg/kv/kvtest/sharedkv":                   "lets two processes of one test share a store, over loopback",
		"services/ferrule/internal/bench/baseline": "is what the suite is measured against, so nothing of the suite is in it",
	}
	// clocks are the packages that may read the wall clock.
	clocks = map[string]string{
		"deploy/demo/inventory": "plays somebody else's API, outside the suite",
		"pkg/clock":             "is the wall clock of every other package",
	}
	// longFunctions are functions, as package.Function, that may be longer than
	// the limit: lists and tables that are read from top to bottom.
	longFunctions = map[string]string{
		"pkg/fault.Reasons": "is the list of all reasons",
	}
)
