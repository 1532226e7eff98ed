package connectorpackage

import (
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// scripts reads which operations custom code handles. A list that is empty or
// absent means all, provided that there is code. Operations that the list names
// need the code even where the package came without it: sent as they are, they
// would do something else.
//
// Code that runs, in "script.js", takes the place of the vendor's, which is kept:
// for its operations no call depends on the latter any more.
func (p *pack) scripts() {
	n := p.property("scriptOperations")
	ids := p.operationIDs(n, fmt.Sprintf("/scripts/%d", len(p.def.GetScripts())))
	if n != nil && !n.Is(document.Array) && !n.Is(document.Null) {
		p.warn("ScriptOperationsInvalid", n, "write a list of operation ids", "\"scriptOperations\" is %s instead of a list", n.Kind())
	}
	if p.running != nil {
		p.running.OperationIds = ids
		p.def.Scripts = append(p.def.Scripts, p.running)
	}
	if len(p.code) == 0 && (len(ids) == 0 || p.running != nil) {
		return
	}
	script := &connectorv1.Script{Language: "csharp", Path: scriptFile, OperationIds: ids}
	if len(p.code) > 0 {
		script.Path = p.code[0]
	} else {
		p.warn("ScriptMissing", n, "add "+scriptFile+", or script.js, which runs here",
			"custom code handles %d operations and is not among the files; they cannot be called", len(ids))
	}
	p.def.Scripts = append(p.def.Scripts, script)
	if p.running.GetSource() != "" {
		p.report(format.Info, "ScriptReplaced", n, "", "%q is kept and does not run; %q runs in its place", script.GetPath(), p.running.GetPath())
		return
	}
	handled := make(map[string]bool, len(ids))
	for _, id := range ids {
		handled[id] = true
	}
	for _, op := range p.def.GetOperations() {
		op.RequiresScript = len(ids) == 0 || handled[op.GetOperationId()]
	}
}
