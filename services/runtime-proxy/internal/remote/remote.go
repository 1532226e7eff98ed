// Package remote asks the vault and the registry over gRPC on behalf of
// [binding.Store], and reports connection tests.
//
//	source := remote.New(env.Client(service.Vault), env.Client(service.Registry))
package remote

import (
	"context"
	"strings"

	"google.golang.org/grpc"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// maxReason is how long the reason of a failed test may be, in bytes.
const maxReason = 1024

// Remote is the vault and the registry. It is safe for concurrent use. The
// caller's bearer token travels with each question, as the connections pass it
// on.
type Remote struct {
	vault    vaultv1.VaultServiceClient
	registry registryv1.RegistryServiceClient
}

var _ binding.Source = (*Remote)(nil)

// New returns a source on two connections, which it does not close.
func New(vault, registry grpc.ClientConnInterface) *Remote {
	return &Remote{vaultv1.NewVaultServiceClient(vault), registryv1.NewRegistryServiceClient(registry)}
}

// Lease implements [binding.Source].
func (r *Remote) Lease(ctx context.Context, ask binding.Ask) (*binding.Lease, error) {
	got, err := r.vault.ResolveCredential(ctx, &vaultv1.ResolveCredentialRequest{
		Name: ask.Connection.String(), Principal: ask.Principal.Name, OperationId: ask.Operation, SubjectToken: ask.Subject.Token(),
	})
	return leaseOf(got, err)
}

// Reject implements [binding.Source].
func (r *Remote) Reject(ctx context.Context, ask binding.Ask, refusal binding.Refusal) (*binding.Lease, error) {
	got, err := r.vault.RejectCredential(ctx, &vaultv1.RejectCredentialRequest{
		Name: ask.Connection.String(), Principal: ask.Principal.Name, OperationId: ask.Operation, SubjectToken: ask.Subject.Token(),
		TokenVersion: refusal.TokenVersion, StatusCode: int32(refusal.Status),
	})
	return leaseOf(got, err)
}

// leaseOf makes a lease of what the vault lends, and clears the message.
func leaseOf(got *vaultv1.Credential, err error) (*binding.Lease, error) {
	if err != nil {
		return nil, grpcx.FromStatus(err)
	}
	connector, err := resource.ParseConnector(got.GetConnector())
	if err != nil {
		return nil, fault.Internal(fault.ReasonInternal, "the vault's answer cannot be used").Because(err)
	}
	lease := &binding.Lease{
		Connector:    connector,
		Revision:     got.GetPinnedRevision()[strings.LastIndexByte(got.GetPinnedRevision(), '/')+1:],
		ParameterSet: got.GetParameterSet(),
		Parameters:   got.GetParameters(),
		Secrets:      make(map[string]secret.Text, len(got.GetSecrets())),
		ServerURL:    got.GetServerUrl(),
		AllowedHosts: got.GetAllowedHosts(),
		TokenVersion: got.GetTokenVersion(),
		Owner:        got.GetOwner(),
		Mock:         got.GetMock(),
		LinkKey:      got.GetLinkKey(),
		Etag:         got.GetEtag(),
		Refused:      got.GetRefused(),
		Trust:        upstream.Trust{CACertificates: got.GetTls().GetCaCertificates(), MinVersion: got.GetTls().GetMinVersion()},
	}
	if t := got.GetExpireTime(); t != nil {
		lease.Expires = t.AsTime()
	}
	if t := got.GetTokenPlacement(); t != nil {
		lease.Token = &inject.TokenPlacement{Header: t.GetHeader(), Prefix: t.GetPrefix()}
	}
	for _, s := range got.GetSecrets() {
		lease.Secrets[s.GetName()] = secret.New(s.GetValue())
		clear(s.GetValue()) // ours: the message was made for us
	}
	return lease, nil
}

// RevisionID implements [binding.Source].
func (r *Remote) RevisionID(ctx context.Context, connector resource.Connector) (string, error) {
	name := resource.Revision{Environment: connector.Environment, Connector: connector.ID, ID: binding.Published}
	got, err := r.registry.GetRevision(ctx, &registryv1.GetRevisionRequest{Name: name.String()})
	if err != nil {
		return "", grpcx.FromStatus(err)
	}
	revision, err := resource.ParseRevision(got.GetName())
	if err != nil {
		return "", fault.Internal(fault.ReasonInternal, "the registry's answer cannot be used").Because(err)
	}
	return revision.ID, nil
}

// Definition implements [binding.Source].
func (r *Remote) Definition(ctx context.Context, revision resource.Revision) (*connectorv1.Definition, error) {
	got, err := r.registry.GetRevision(ctx, &registryv1.GetRevisionRequest{
		Name: revision.String(), View: registryv1.RevisionView_REVISION_VIEW_FULL,
	})
	if err != nil {
		return nil, grpcx.FromStatus(err)
	}
	if got.GetDefinition() == nil {
		return nil, fault.Internal(fault.ReasonInternal, "the registry's answer cannot be used")
	}
	return got.GetDefinition(), nil
}

// ReportTest tells the vault how a connection test ended. reason is why it
// failed, or why a success proves nothing about the credentials, empty if it does.
func (r *Remote) ReportTest(ctx context.Context, connection resource.Connection, succeeded bool, reason string) error {
	_, err := r.vault.ReportConnectionTest(ctx, &vaultv1.ReportConnectionTestRequest{
		Name: connection.String(), Succeeded: succeeded, Reason: strings.ToValidUTF8(reason[:min(len(reason), maxReason)], ""),
	})
	if err != nil {
		return grpcx.FromStatus(err)
	}
	return nil
}

// ReportAnswer tells the vault how an API took the secrets of a lease.
func (r *Remote) ReportAnswer(ctx context.Context, a binding.Answer) error {
	_, err := r.vault.ReportAnswer(ctx, &vaultv1.ReportAnswerRequest{
		Name: a.Ask.Connection.String(), Principal: a.Ask.Principal.Name, OperationId: a.Ask.Operation,
		Etag: a.Etag, StatusCode: int32(a.Status), Host: a.Host,
	})
	if err != nil {
		return grpcx.FromStatus(err)
	}
	return nil
}
