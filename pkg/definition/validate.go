package definition

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// maxViolations is the number of contradictions that one answer lists.
const maxViolations = 100

// Validate says what in the definition contradicts the promises of the model:
// names that are empty or not unique, references to what is not there, paths and
// server URLs that cannot be filled in, texts that are not JSON, limits and rules
// that nothing could follow. The error is
// DEFINITION_INVALID with a violation for each contradiction, at most 100, whose
// field is a JSON pointer into the definition; the metadata "pointer" is the
// first.
func Validate(def *connectorv1.Definition) error {
	v := &validation{def: def}
	v.texts(def.ProtoReflect())
	v.collect()
	if strings.TrimSpace(def.GetInfo().GetTitle()) == "" {
		v.wrong("/info/title", "must not be empty")
	}
	v.servers("/servers", def.GetServers())
	for i, op := range def.GetOperations() {
		v.operation("/operations/"+strconv.Itoa(i), op)
	}
	v.schemes()
	v.sets()
	v.rest()
	return v.err()
}

// validation is the work of one call.
type validation struct {
	def        *connectorv1.Definition
	schemas    map[string]bool
	operations map[string]bool
	schemeIDs  map[string]bool
	violations []fault.Violation
	more       int
}

func (v *validation) wrong(pointer, format string, args ...any) {
	if len(v.violations) == maxViolations {
		v.more++
		return
	}
	v.violations = append(v.violations, fault.Violation{Field: pointer, Description: fmt.Sprintf(format, args...)})
}

func (v *validation) err() error {
	if len(v.violations) == 0 {
		return nil
	}
	first := v.violations[0]
	err := fault.Invalid(fault.ReasonDefinitionInvalid, "the definition contradicts itself at %q: it %s", first.Field, first.Description).
		With("pointer", first.Field)
	if v.more > 0 {
		err = err.With("more", strconv.Itoa(v.more))
	}
	for _, one := range v.violations {
		err = err.Field(one.Field, one.Description)
	}
	return err
}

// collect notes the names that others refer to, and complains about those that
// are not unique.
func (v *validation) collect() {
	def := v.def
	v.schemas = unique(v, "/schemas/%d/name", def.GetSchemas(), (*connectorv1.Schema).GetName)
	v.operations = unique(v, "/operations/%d/operationId", def.GetOperations(), (*connectorv1.Operation).GetOperationId)
	v.schemeIDs = unique(v, "/securitySchemes/%d/id", def.GetSecuritySchemes(), (*connectorv1.SecurityScheme).GetId)
	unique(v, "/tags/%d/name", def.GetTags(), (*connectorv1.Tag).GetName)
	unique(v, "/parameterSets/%d/name", def.GetParameterSets(), (*connectorv1.ParameterSet).GetName)
}

// unique returns the names of a list. The pattern makes the pointer of a name
// from its index.
func unique[T any](v *validation, pattern string, list []T, name func(T) string) map[string]bool {
	names := make(map[string]bool, len(list))
	for i, one := range list {
		n := name(one)
		switch {
		case n == "":
			v.wrong(fmt.Sprintf(pattern, i), "must not be empty")
		case names[n]:
			v.wrong(fmt.Sprintf(pattern, i), "must be unique, and %q is there twice", n)
		}
		names[n] = true
	}
	return names
}

// refers complains about a reference to an operation that is not there.
func (v *validation) refers(pointer, id string) {
	if !v.operations[id] {
		v.wrong(pointer, "must be the id of an operation, and %q is none", id)
	}
}

func (v *validation) servers(pointer string, servers []*connectorv1.Server) {
	for i, s := range servers {
		at := pointer + "/" + strconv.Itoa(i)
		names, ok := placeholders(s.GetUrlTemplate())
		if !ok || !strings.Contains(s.GetUrlTemplate(), "://") && !strings.HasPrefix(s.GetUrlTemplate(), "{") {
			v.wrong(at+"/urlTemplate", "must be an absolute URL with variables in braces, not %q", s.GetUrlTemplate())
			continue
		}
		declared := unique(v, at+"/variables/%d/name", s.GetVariables(), (*connectorv1.ServerVariable).GetName)
		for _, n := range names {
			if !declared[n] {
				v.wrong(at+"/variables", "must declare the variable %q of the URL", n)
			}
		}
	}
}

// placeholders returns the names in braces, each once, in order. It is false
// where braces do not match.
func placeholders(template string) (names []string, ok bool) {
	for template != "" {
		i := strings.IndexAny(template, "{}")
		if i < 0 {
			break
		}
		end := strings.IndexByte(template[i:], '}')
		if template[i] == '}' || end < 2 || strings.Contains(template[i+1:i+end], "{") {
			return names, false
		}
		if n := template[i+1 : i+end]; !slices.Contains(names, n) {
			names = append(names, n)
		}
		template = template[i+end+1:]
	}
	return names, true
}

func (v *validation) schemes() {
	for i, s := range v.def.GetSecuritySchemes() {
		if s.GetKind() == nil {
			v.wrong(fmt.Sprintf("/securitySchemes/%d", i), "must have a kind, for instance \"apiKey\"")
		}
		if text := CheckKeyTemplate(s.GetApiKey().GetTemplate()); text != "" {
			v.wrong(fmt.Sprintf("/securitySchemes/%d/apiKey/template", i), "%s", text)
		}
		if hmac := s.GetHmac(); hmac != nil {
			v.hmac(fmt.Sprintf("/securitySchemes/%d/hmac", i), hmac)
		}
	}
}

func (v *validation) sets() {
	if len(v.def.GetParameterSets()) == 0 {
		v.wrong("/parameterSets", "must have at least one set; without authentication it is {\"name\": \"default\"}")
	}
	for i, set := range v.def.GetParameterSets() {
		at := "/parameterSets/" + strconv.Itoa(i)
		v.unsupported(at, set)
		names := unique(v, at+"/parameters/%d/name", set.GetParameters(), (*connectorv1.ConnectionParameter).GetName)
		for j, p := range set.GetParameters() {
			if p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_UNSPECIFIED {
				v.wrong(fmt.Sprintf("%s/parameters/%d/type", at, j), "must be given, for instance \"SECRET\"")
			}
		}
		for j, p := range set.GetPlacements() {
			v.placement(fmt.Sprintf("%s/placements/%d", at, j), p, names)
		}
	}
}

func (v *validation) placement(at string, p *connectorv1.CredentialPlacement, parameters map[string]bool) {
	if id := p.GetSchemeId(); id != "" && !v.schemeIDs[id] {
		v.wrong(at+"/schemeId", "must be the id of a security scheme, and %q is none", id)
	}
	v.signing(at, p)
	used := ParametersOf(p)
	if len(used) == 0 {
		v.wrong(at, "must have a kind, for instance \"apiKey\"")
	}
	for _, name := range used {
		if !parameters[name] {
			v.wrong(at, "must refer to a parameter of its set, and %q is none", name)
		}
	}
}

// hmac complains about a scheme that cannot sign.
func (v *validation) hmac(at string, s *connectorv1.HmacScheme) {
	for _, one := range CheckHmac(s) {
		v.wrong(at+one.Field, "%s", one.Description)
	}
}

// signing complains about placements that cannot make what they send.
func (v *validation) signing(at string, p *connectorv1.CredentialPlacement) {
	switch k := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_ApiKey:
		if text := CheckKeyTemplate(k.ApiKey.GetTemplate()); text != "" {
			v.wrong(at+"/apiKey/template", "%s", text)
		}
	case *connectorv1.CredentialPlacement_AwsSignature:
		if k.AwsSignature.GetRegion() == "" && k.AwsSignature.GetRegionParameter() == "" {
			v.wrong(at+"/awsSignature/region", "must be given, or else \"regionParameter\"")
		}
		if k.AwsSignature.GetService() == "" && k.AwsSignature.GetServiceParameter() == "" {
			v.wrong(at+"/awsSignature/service", "must be given, or else \"serviceParameter\"")
		}
	case *connectorv1.CredentialPlacement_Hmac:
		v.hmac(at+"/hmac/scheme", k.Hmac.GetScheme())
	}
}

// ParametersOf returns the names of the connection parameters that a placement
// takes, in the order of the model; nil for a placement without a kind.
func ParametersOf(p *connectorv1.CredentialPlacement) []string {
	switch k := p.GetKind().(type) {
	case *connectorv1.CredentialPlacement_ApiKey:
		return []string{k.ApiKey.GetParameter()}
	case *connectorv1.CredentialPlacement_Basic:
		return []string{k.Basic.GetUsernameParameter(), k.Basic.GetPasswordParameter()}
	case *connectorv1.CredentialPlacement_Bearer:
		return []string{k.Bearer.GetParameter()}
	case *connectorv1.CredentialPlacement_Digest:
		return []string{k.Digest.GetUsernameParameter(), k.Digest.GetPasswordParameter()}
	case *connectorv1.CredentialPlacement_Authorization:
		return []string{k.Authorization.GetParameter()}
	case *connectorv1.CredentialPlacement_Certificate:
		return []string{k.Certificate.GetParameter()}
	case *connectorv1.CredentialPlacement_AwsSignature:
		names := []string{k.AwsSignature.GetAccessKeyParameter(), k.AwsSignature.GetSecretKeyParameter()}
		for _, optional := range []string{
			k.AwsSignature.GetSessionTokenParameter(), k.AwsSignature.GetRegionParameter(), k.AwsSignature.GetServiceParameter(),
		} {
			if optional != "" {
				names = append(names, optional)
			}
		}
		return names
	case *connectorv1.CredentialPlacement_Hmac:
		return append([]string{k.Hmac.GetSecretParameter()}, k.Hmac.GetScheme().GetParameters()...)
	default:
		return nil
	}
}

// rest checks what stands beside the operations and refers to them. Policies and
// scripts may name operations that are not there: sources do, and it harms nobody.
func (v *validation) rest() {
	for i, p := range v.def.GetPolicies() {
		if p.GetTemplateId() == "" {
			v.wrong(fmt.Sprintf("/policies/%d/templateId", i), "must not be empty")
		}
	}
	v.scripts()
	v.limits()
	v.failures()
	if t := v.def.GetConnectionTest(); t != nil {
		v.refers("/connectionTest/operationId", t.GetOperationId())
	}
	if p := v.def.GetFilePicker(); p != nil {
		v.call("/filePicker/open", p.GetOpen())
		v.call("/filePicker/browse", p.GetBrowse())
	}
}
