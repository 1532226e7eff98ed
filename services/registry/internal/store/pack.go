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

// connectionOf returns the parts of a definition that a connection needs. It
// shares them with def.
func connectionOf(def *connectorv1.Definition) *connectorv1.Definition {
	return &connectorv1.Definition{
		Info:            def.GetInfo(),
		Servers:         def.GetServers(),
		SecuritySchemes: def.GetSecuritySchemes(),
		ParameterSets:   def.GetParameterSets(),
		ConnectionTest:  def.GetConnectionTest(),
		Operations:      operationServers(def),
	}
}

// operationServers returns the operations that have servers of their own, with
// nothing else: a connection leads there too.
func operationServers(def *connectorv1.Definition) []*connectorv1.Operation {
	var list []*connectorv1.Operation
	for _, op := range def.GetOperations() {
		if len(op.GetServers()) > 0 {
			list = append(list, &connectorv1.Operation{OperationId: op.GetOperationId(), Servers: op.GetServers()})
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
		Policies:   def.GetPolicies(),
		Scripts:    def.GetScripts(),
		Extensions: def.GetExtensions(),
		Tags:       def.GetTags(),
		FilePicker: def.GetFilePicker(),
		RateLimits: def.GetRateLimits(),
		ErrorRules: def.GetErrorRules(),
	}
}
