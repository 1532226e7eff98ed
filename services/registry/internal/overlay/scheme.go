package overlay

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// SchemeIDs is the extension of the root for the ids of security schemes, which
// have fewer characters in OpenAPI 3 than elsewhere: an object with the model's
// id under the document's.
const SchemeIDs = Prefix + "scheme-ids"

// RenameSchemes gives security schemes the ids that the extension of the root
// says, wherever they are named. Ids that are taken stay as they are.
func RenameSchemes(root *document.Node, def *connectorv1.Definition) {
	taken := map[string]bool{}
	for _, s := range def.GetSecuritySchemes() {
		taken[s.GetId()] = true
	}
	names := map[string]string{}
	for _, n := range root.Get(SchemeIDs).Children() {
		if taken[n.Key()] && n.Text() != "" && n.Is(document.String) && !taken[n.Text()] {
			names[n.Key()] = n.Text()
			taken[n.Text()] = true
		}
	}
	if len(names) == 0 {
		return
	}
	rename := func(id *string) {
		if name := names[*id]; name != "" {
			*id = name
		}
	}
	for _, s := range def.GetSecuritySchemes() {
		rename(&s.Id)
	}
	for _, op := range def.GetOperations() {
		for _, requirement := range op.GetSecurity() {
			for _, s := range requirement.GetSchemes() {
				rename(&s.SchemeId)
			}
		}
	}
	for _, set := range def.GetParameterSets() {
		for _, p := range set.GetPlacements() {
			rename(&p.SchemeId)
		}
		// Importers name sets after their schemes.
		rename(&set.Name)
		rename(&set.Title)
	}
}
