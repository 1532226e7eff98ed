package api

import (
	"context"
	"crypto/sha256"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/lend"
)

// ResolveCredential lends a connection's secrets to the runtime.
func (s *Server) ResolveCredential(ctx context.Context, req *vaultv1.ResolveCredentialRequest) (*vaultv1.Credential, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	request, err := resolveRequest(req)
	if err != nil {
		return nil, err
	}
	lent, err := s.vault.Resolve(ctx, caller, request)
	if err != nil {
		return nil, err
	}
	defer lent.Clear()
	return lend.Message(lent)
}

// Refused leaves the audit record of a ResolveCredential that was refused
// before it reached the handler. A request that names no connection leaves none:
// it asked for nothing.
func (s *Server) Refused(ctx context.Context, req *vaultv1.ResolveCredentialRequest) error {
	caller, err := callerOf(ctx)
	if err != nil {
		return err
	}
	request, err := resolveRequest(req)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	return s.vault.Refused(ctx, caller, request)
}

func resolveRequest(req *vaultv1.ResolveCredentialRequest) (core.Request, error) {
	name, err := resource.ParseConnection(req.GetName())
	if err != nil {
		return core.Request{}, err
	}
	return core.Request{
		Name: name, Principal: req.GetPrincipal(), OperationID: req.GetOperationId(), Subject: subjectOf(req.GetSubjectToken()),
	}, nil
}

// subjectOf returns the caller's own token, if there is one.
func subjectOf(token string) core.Subject {
	if token == "" {
		return core.Subject{}
	}
	return core.Subject{Token: secret.FromString(token), Sum: sha256.Sum256([]byte(token))}
}
