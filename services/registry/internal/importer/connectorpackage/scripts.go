package connectorpackage

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// scripts reads which operations custom code handles. A list that is empty or
// absent means all, provided that there is code. Operations that the list names
// need the code even where the package came without it: sent as they are, they
// would do something else.
func (p *pack) scripts() {
	n := p.property("scriptOperations")
	ids := p.operationIDs(n, "scriptOperations")
	if len(p.code) == 0 && len(ids) == 0 {
		return
	}
	script := &connectorv1.Script{Language: "csharp", Path: scriptFile, OperationIds: ids}
	if len(p.code) > 0 {
		script.Path = p.code[0]
	} else {
		p.warn("ScriptMissing", n, "add "+scriptFile,
			"custom code handles %d operations and is not among the files; they cannot be called", len(ids))
	}
	p.def.Scripts = append(p.def.Scripts, script)
	handled := make(map[string]bool, len(ids))
	for _, id := range ids {
		handled[id] = true
	}
	for _, op := range p.def.GetOperations() {
		op.RequiresScript = len(ids) == 0 || handled[op.GetOperationId()]
	}
	if n != nil && !n.Is(document.Array) && !n.Is(document.Null) {
		p.warn("ScriptOperationsInvalid", n, "write a list of operation ids", "\"scriptOperations\" is %s instead of a list", n.Kind())
	}
}
