package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// UpdateConnection changes a connection. Secrets that are not sent are kept.
func (s *Server) UpdateConnection(ctx context.Context, req *vaultv1.UpdateConnectionRequest) (*vaultv1.Connection, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	in := req.GetConnection()
	name, err := resource.ParseConnection(in.GetName())
	if err != nil {
		return nil, err
	}
	fields, err := fieldsOf(req.GetUpdateMask(), in)
	if err != nil {
		return nil, err
	}
	secrets, err := take(req.GetSecrets())
	if err != nil {
		return nil, err
	}
	defer clearAll(secrets)
	conn, err := s.vault.Update(ctx, caller, core.Edit{
		Name: name, Etag: in.GetEtag(), Fields: fields,
		Parameters: in.GetParameters(), DisplayName: in.GetDisplayName(), ServerURL: in.GetServerUrl(),
		PinnedRevision: in.GetPinnedRevision(), Connector: in.GetConnector(), ParameterSet: in.GetParameterSet(),
		TLS: tlsOf(in.GetTls()), Secrets: secrets,
	})
	if err != nil {
		return nil, err
	}
	m := message(conn)
	m.RedirectUrl = s.vault.OwnRedirectURL(ctx, conn)
	return m, nil
}

// fieldsOf returns the fields that a mask names (AIP-134): "*" is all of them,
// and no mask means those that have a value.
func fieldsOf(mask *fieldmaskpb.FieldMask, in *vaultv1.Connection) ([]core.Field, error) {
	if len(mask.GetPaths()) == 0 {
		return populated(in), nil
	}
	if slices.Equal(mask.GetPaths(), []string{"*"}) {
		return core.Fields(), nil
	}
	fields := make([]core.Field, 0, len(mask.GetPaths()))
	for _, path := range mask.GetPaths() {
		if !slices.Contains(core.Fields(), core.Field(path)) {
			return nil, unknownPath(path, core.Fields())
		}
		fields = append(fields, core.Field(path))
	}
	return fields, nil
}

func populated(in *vaultv1.Connection) []core.Field {
	has := map[core.Field]bool{
		core.FieldParameters:     len(in.GetParameters()) > 0,
		core.FieldDisplayName:    in.GetDisplayName() != "",
		core.FieldServerURL:      in.GetServerUrl() != "",
		core.FieldPinnedRevision: in.GetPinnedRevision() != "",
		core.FieldTLS:            in.GetTls() != nil,
	}
	return slices.DeleteFunc(core.Fields(), func(f core.Field) bool { return !has[f] })
}

// unknownPath is for a mask that names none of the fields.
func unknownPath[F ~string](path string, fields []F) error {
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, string(f))
	}
	accepted := strings.Join(names, ", ")
	return fault.Invalid(fault.ReasonInvalidArgument,
		"the update mask names %q, which cannot be changed; it accepts %s, or * for all of them, and secrets need no mask%s", path, accepted, nearest.Hint(path, names)).
		Field("update_mask", fmt.Sprintf("accepts %s, or *", accepted))
}
