package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ferrule-dev/ferrule/pkg/authn"
)

// Names of files in the data directory.
const (
	// KeyFile holds the private key that signs tokens.
	KeyFile = "token.key"
	// TokenFile holds the first admin token, mode 0600.
	TokenFile = "admin.token"
)

// EnsureAdminToken leaves a valid admin token in the file at path: the one that
// is there, or a new one if there is none or it has expired.
func EnsureAdminToken(ctx context.Context, path string, issuer *authn.Issuer, verifier authn.Verifier) error {
	old, err := os.ReadFile(path)
	if err == nil {
		if _, err := verifier.Verify(ctx, string(old)); err == nil {
			return nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read admin token: %w", err)
	}
	admin := authn.Principal{Kind: authn.KindUser, Name: "admin", Roles: []authn.Role{authn.RoleAdmin}}
	token, err := issuer.Issue(admin, authn.MaxTokenLife)
	if err != nil {
		return fmt.Errorf("issue admin token: %w", err)
	}
	next := path + ".next"
	if err := os.WriteFile(next, []byte(token), 0o600); err != nil {
		return fmt.Errorf("write admin token: %w", err)
	}
	return os.Rename(next, path)
}
