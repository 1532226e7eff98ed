package definition

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// The longest texts about a way to authenticate that is not supported, in bytes.
const (
	MaxUnsupportedKind   = 200
	MaxUnsupportedRemedy = 400
)

// unsupported complains about a set that says that nobody can use it, and asks for
// something nevertheless.
func (v *validation) unsupported(at string, set *connectorv1.ParameterSet) {
	u := set.GetUnsupported()
	if u == nil {
		return
	}
	if u.GetKind() == "" || len(u.GetKind()) > MaxUnsupportedKind {
		v.wrong(at+"/unsupported/kind", "must be given and have at most %d bytes, for instance \"NTLM\"", MaxUnsupportedKind)
	}
	if u.GetRemedy() == "" || len(u.GetRemedy()) > MaxUnsupportedRemedy {
		v.wrong(at+"/unsupported/remedy", "must be given and have at most %d bytes; it says what to do instead", MaxUnsupportedRemedy)
	}
	if len(set.GetParameters())+len(set.GetPlacements()) > 0 {
		v.wrong(at+"/unsupported", "must not be there in a set with parameters or placements: remove it, or them")
	}
}
