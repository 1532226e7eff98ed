package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Issue makes a bearer token with the key in dir. The key must be there: a new
// one would make tokens that no server accepts.
func Issue(dir, name string, roles []authn.Role, ttl time.Duration, clk clock.Clock) (string, error) {
	path := filepath.Join(dir, KeyFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", fault.Precondition(fault.ReasonPermissionDenied,
			"%s does not exist; only who has the server's data directory can issue tokens: name it with --data", path)
	}
	if slices.Contains(members, name) {
		return "", fault.Invalid(fault.ReasonInvalidArgument, "%s is the name of a service; choose another", name)
	}
	key, err := authn.LoadOrCreateKey(path)
	if err != nil {
		return "", err
	}
	principal := authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}
	token, err := authn.NewIssuer(key, clk).Issue(principal, ttl)
	if err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	return token, nil
}
