package store

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
)

// Pack implements [core.Store].
func (s *Store) Pack(content core.Content) (core.Packed, error) {
	var p packer
	p.add(partFindings)(encodeRecord(content.Findings))
	p.add(partConnection)(encodeMessage(connectionOf(content.Definition)))
	p.add(partRest)(encodeMessage(restOf(content.Definition)))
	for i, op := range content.Definition.GetOperations() {
		p.add(partOperation(i))(encodeMessage(op))
	}
	for i, f := range content.Files {
		p.add(partFile(i))(encodeFile(f))
	}
	return p.parts, p.err
}

// packer collects parts up to the first error.
type packer struct {
	parts core.Packed
	err   error
}

func (p *packer) add(name string) func(value []byte, err error) {
	return func(value []byte, err error) {
		if p.err == nil {
			p.err = err
		}
		p.parts = append(p.parts, core.Part{Name: name, Value: value})
	}
}

// connectionOf returns the parts of a definition that a connection needs: also its
// policies, since some of them say where a connection leads. It shares them with def.
func connectionOf(def *connectorv1.Definition) *connectorv1.Definition {
	return &connectorv1.Definition{
		Info:            def.GetInfo(),
		Servers:         def.GetServers(),
		SecuritySchemes: def.GetSecuritySchemes(),
		ParameterSets:   def.GetParameterSets(),
		ConnectionTest:  def.GetConnectionTest(),
		Policies:        def.GetPolicies(),
		Operations:      accessOf(def),
	}
}

// accessOf returns what operations say about access and the definition as a whole does
// not, with nothing else of them: servers of their own, since a connection leads there
// too, and the scopes that they need from OpenID Connect schemes, which have no list of
// scopes. Operations that add none are left out.
func accessOf(def *connectorv1.Definition) []*connectorv1.Operation {
	open := map[string]map[string]bool{} // scopes by OpenID Connect scheme
	for _, scheme := range def.GetSecuritySchemes() {
		if scheme.GetOpenIdConnect() != nil {
			open[scheme.GetId()] = map[string]bool{}
		}
	}
	var list []*connectorv1.Operation
	for _, op := range def.GetOperations() {
		access := &connectorv1.Operation{OperationId: op.GetOperationId(), Servers: op.GetServers()}
		for _, requirement := range op.GetSecurity() {
			for _, s := range requirement.GetSchemes() {
				if scopes := fresh(open[s.GetSchemeId()], s.GetScopes()); len(scopes) > 0 {
					access.Security = append(access.Security, &connectorv1.SecurityRequirement{
						Schemes: []*connectorv1.SchemeReference{{SchemeId: s.GetSchemeId(), Scopes: scopes}},
					})
				}
			}
		}
		if len(access.Servers) > 0 || len(access.Security) > 0 {
			list = append(list, access)
		}
	}
	return list
}

// fresh returns the scopes that are not seen yet, and notes them; none if seen is nil.
func fresh(seen map[string]bool, scopes []string) (list []string) {
	if seen == nil {
		return nil
	}
	for _, scope := range scopes {
		if !seen[scope] {
			seen[scope] = true
			list = append(list, scope)
		}
	}
	return list
}

// restOf returns what is neither an operation nor part of connectionOf. Whatever
// the model gets later belongs here until somebody decides otherwise; a test
// compares all members.
func restOf(def *connectorv1.Definition) *connectorv1.Definition {
	return &connectorv1.Definition{
		Schemas:    def.GetSchemas(),
		Scripts:    def.GetScripts(),
		Extensions: def.GetExtensions(),
		Tags:       def.GetTags(),
		FilePicker: def.GetFilePicker(),
		RateLimits: def.GetRateLimits(),
		ErrorRules: def.GetErrorRules(),
	}
}
