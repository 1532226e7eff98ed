package registry_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/pkg/service"
)

// runtime is the runtime as far as the registry needs it.
type runtime struct {
	grpc.ClientConnInterface

	pool *sandbox.Pool
	away bool
}

func newRuntime(t *testing.T) *runtime {
	t.Helper()
	r := &runtime{pool: sandbox.New(sandbox.Options{Size: 1})}
	t.Cleanup(func() { _ = r.pool.Close() })
	return r
}

// client is that of a service's environment.
func (r *runtime) client(name string) grpc.ClientConnInterface {
	if name != service.Runtime {
		return nil
	}
	return r
}

// Invoke implements [grpc.ClientConnInterface].
func (r *runtime) Invoke(ctx context.Context, method string, in, out any, _ ...grpc.CallOption) error {
	if r.away {
		return status.Error(codes.Unavailable, "not there")
	}
	if method == runtimev1.RuntimeService_CheckPolicies_FullMethodName {
		return r.checkPolicies(in, out)
	}
	if method != runtimev1.RuntimeService_CheckScript_FullMethodName {
		return status.Error(codes.Unimplemented, "not known")
	}
	req, ok := in.(*runtimev1.CheckScriptRequest)
	if !ok {
		return status.Error(codes.Internal, "another message")
	}
	answer, _ := out.(*runtimev1.CheckScriptResponse)
	exports, err := r.pool.Check(ctx, sandbox.Program{Name: req.GetName(), Source: req.GetSource()})
	if failure, ok := errors.AsType[*sandbox.Error](err); ok {
		answer.Fault = &runtimev1.ScriptFault{
			Kind: failure.Kind.String(), Name: failure.Name, Message: failure.Message, Line: int32(failure.Line), Column: int32(failure.Column),
		}
		return nil
	}
	answer.Before, answer.After, answer.Handle = exports.Before, exports.After, exports.Handle
	return err
}

// checkPolicies finds fault with headers that have no name.
func (r *runtime) checkPolicies(in, out any) error {
	req, ok := in.(*runtimev1.CheckPoliciesRequest)
	answer, known := out.(*runtimev1.CheckPoliciesResponse)
	if !ok || !known {
		return status.Error(codes.Internal, "another message")
	}
	for i, p := range req.GetPolicies() {
		if p.GetTemplateId() == "setheader" && len(p.GetParameters()) == 0 {
			answer.Faults = append(answer.Faults, &runtimev1.PolicyFault{Index: int32(i), Message: "name must be the name of a header"})
		}
	}
	return nil
}

// Policies are tried by the import. What cannot be applied is told by its title. It is
// published only if that is meant, since its operations cannot be called; but packages
// that were made elsewhere work as far as they can.
func TestPoliciesAreTriedByTheImport(t *testing.T) {
	const properties = `{"properties":{"connectionParameters":{},"iconBrandColor":"#112233","policyTemplateInstances":[
		{"templateId":"setheader","title":"Good","parameters":{"x-ms-apimTemplateParameter.name":"A","x-ms-apimTemplateParameter.value":"b"}},
		{"templateId":"setheader","title":"Say who calls","parameters":{}}]}}`
	const swagger = `{"swagger":"2.0","info":{"title":"Items","version":"1"},"host":"api.example.com","schemes":["https"],
		"paths":{"/items":{"get":{"operationId":"List","responses":{"200":{"description":"Done"}}}}}}`
	extended := strings.Replace(swagger, "{", `{"x-ferrule-policies":[{"templateId":"setheader","title":"Say who calls","parameters":[]}],`, 1)
	aPackage := []*registryv1.SourceFile{file("apiDefinition.swagger.json", swagger), file("apiProperties.json", properties)}
	for _, row := range []struct {
		name, code, says string
		files            []*registryv1.SourceFile
		away             bool
		want             registryv1.RevisionState
	}{
		{"a policy that cannot be applied", "PolicyInvalid", `"Say who calls"`, []*registryv1.SourceFile{file("api.json", extended)}, false, registryv1.RevisionState_REVISION_STATE_DRAFT},
		{"such a policy in a package", "PolicyInvalid", `"Say who calls"`, aPackage, false, registryv1.RevisionState_REVISION_STATE_PUBLISHED},
		{"nobody could try them", "PolicyUnchecked", "could not be tried", aPackage, true, registryv1.RevisionState_REVISION_STATE_PUBLISHED},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t, memory(t))
			r.runtime.away = row.away
			revision := r.importFiles("items", row.files...).GetRevision()
			var found []*registryv1.Finding
			for _, f := range revision.GetFindings() {
				if strings.HasPrefix(f.GetCode(), "PolicyInvalid") || strings.HasPrefix(f.GetCode(), "PolicyUnchecked") {
					found = append(found, f)
				}
			}
			if len(found) != 1 || found[0].GetCode() != row.code || !strings.Contains(found[0].GetMessage(), row.says) {
				t.Errorf("findings %v", revision.GetFindings())
			}
			if revision.GetState() != row.want {
				t.Errorf("the revision is %s", revision.GetState())
			}
		})
	}
}

// Whoever imports while the runtime is away gets his draft, and learns that nobody
// has tried the code.
func TestCodeThatNobodyCouldTry(t *testing.T) {
	r := newRig(t, memory(t))
	r.runtime.away = true
	got := r.importFiles("items", file("openapi.yaml", withCode), file("script.js", "export function before() {}\n"))
	at := slices.IndexFunc(got.GetRevision().GetFindings(), func(f *registryv1.Finding) bool { return f.GetCode() == "ScriptUnchecked" })
	if at < 0 || got.GetRevision().GetFindings()[at].GetSeverity() != registryv1.Severity_SEVERITY_WARNING {
		t.Errorf("findings %v", got.GetRevision().GetFindings())
	}
}
