package core

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// A secret is given for the API or for the provider, and whoever publishes the next
// revision decides only what its parameters are from then on: he must not get the
// client secret of a sign-in by calling it an API key. So the version of a secret says
// what it was given for, and by that its ciphertext does, too (see [Place]).
const (
	// forSignIn ends the version of a secret that the sign-in uses.
	forSignIn = "+sign-in"
	// forBoth ends that of one which requests to the API carry as well. One for the API
	// alone has neither.
	forBoth = "+both"
)

// purpose returns what a secret is for, as the connector has it now.
func (l lends) purpose(name string) string {
	if l.oauth == "" || !usedBySignIn(l.set, name) {
		return ""
	}
	if l.secret(name) {
		return forBoth
	}
	return forSignIn
}

// forAPI reports whether a secret was given for the API.
func (s Sealed) forAPI() bool { return !strings.HasSuffix(s.Version, forSignIn) }

// forProvider reports whether a secret was given for the provider.
func (s Sealed) forProvider() bool {
	return strings.HasSuffix(s.Version, forSignIn) || strings.HasSuffix(s.Version, forBoth)
}

// signInOf returns the secrets that were given for the sign-in.
func signInOf(sealed []Sealed) []Sealed {
	return slices.DeleteFunc(slices.Clone(sealed), func(s Sealed) bool { return !s.forProvider() })
}

// serves reports whether a secret was given for all that the connector uses it for now.
func (l lends) serves(s Sealed) bool {
	switch l.purpose(s.Parameter) {
	case forSignIn:
		return s.forProvider()
	case forBoth:
		return s.forProvider() && s.forAPI()
	}
	return s.forAPI()
}

// misplaced returns a secret for the sign-in that requests to the API would carry now;
// empty if there is none.
func (l lends) misplaced(sealed []Sealed) string {
	for _, s := range sealed {
		if !s.forAPI() && l.secret(s.Parameter) {
			return s.Parameter
		}
	}
	return ""
}

// givenForSignIn is for a connector that would have a secret of the sign-in sent to the
// API.
func givenForSignIn(conn Connection, name string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"secret %q of connection %q was given for signing in at the provider, and its connector sends it to the API now: it was not lent; if its owner wants that, `ferrule connections update %s --secret %s=-` gives it for the API, else ask the maker of the connector",
		name, conn.Name.ID, conn.Name.ID, name).
		With("connection", conn.Name.String())
}
