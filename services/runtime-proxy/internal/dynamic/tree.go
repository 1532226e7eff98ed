package dynamic

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// branch reads the items of one level of a tree.
type branch struct {
	itemsPath, valuePath, titlePath, fullTitlePath string

	isParent    func(item jsontext.Value) bool
	isCandidate func(item jsontext.Value) bool
	// parents and leaves say which of the candidates can be chosen.
	parents, leaves bool
}

// read reads one item.
func (b *branch) read(item jsontext.Value) (Value, bool, error) {
	v, ok := valueAt(item, b.valuePath)
	parent := b.isParent(item)
	if !ok && !parent {
		return Value{}, false, nil
	}
	out := Value{Value: v, Title: titleAt(item, b.titlePath, v), FullTitle: textAt(item, b.fullTitlePath), Parent: parent, Item: item}
	if !ok { // can be opened, not chosen
		out.Value = nil
		return out, true, nil
	}
	out.Selectable = b.isCandidate(item) && (parent && b.parents || !parent && b.leaves)
	return out, true, nil
}

// tree plans the level of a tree: the roots, or what is below the item.
func (b *builder) tree(t *connectorv1.DynamicTree) (*plan, error) {
	level := t.GetOpen()
	if len(b.q.Item) > 0 {
		level = t.GetBrowse()
	}
	p, err := b.build(level.GetCall())
	if err != nil {
		return nil, err
	}
	isParent, err := compile(level.GetParentExpression(), false)
	if err != nil {
		return nil, expressionFault(p, err)
	}
	isCandidate, err := compile(level.GetSelectableExpression(), true)
	if err != nil {
		return nil, expressionFault(p, err)
	}
	p.branch = &branch{
		itemsPath: level.GetItemsPath(), valuePath: level.GetValuePath(), titlePath: level.GetTitlePath(), fullTitlePath: level.GetFullTitlePath(),
		isParent: isParent, isCandidate: isCandidate, parents: t.GetParentsSelectable(), leaves: t.GetLeavesSelectable(),
	}
	return p, nil
}

func expressionFault(p *plan, err error) error {
	return fault.Unimplemented(fault.ReasonOperationNotSupported,
		"the connector tells items apart by an expression that cannot be read: %s; type the value in, or correct the connector", err.Error()).
		With("operation", p.operation.GetOperationId())
}

// picker plans a level of the files of the API, as the definition's file picker
// describes them. The arguments of the feature are what the picker may refer to:
// "isFolder" and "fileFilter" say what can be chosen.
func (b *builder) picker(values *connectorv1.DynamicValues) (*plan, error) {
	described := b.q.Definition.GetFilePicker()
	if described == nil {
		return nil, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"the choices come from a file picker, and the connector does not say how its files are listed; type the value in").With("capability", filePicker)
	}
	given, _, err := b.arguments(values.GetCall().GetArguments())
	if err != nil {
		return nil, err
	}
	call := described.GetOpen()
	if len(b.q.Item) > 0 {
		call = described.GetBrowse()
	}
	inner := &builder{q: b.q, stars: b.stars, given: given}
	p, err := inner.build(call)
	if err != nil {
		return nil, err
	}
	folders := false
	if v, ok := lookUp(given, "/isFolder", nil); ok {
		folders, _ = dotpath.Flag(v)
	}
	p.branch = &branch{
		itemsPath: described.GetItemsPath(), valuePath: values.GetValuePath(), titlePath: orElse(values.GetTitlePath(), described.GetTitlePath()),
		isParent:    func(item jsontext.Value) bool { return truth(item, described.GetFolderPath()) },
		isCandidate: mediaFilter(given, described.GetMediaTypePath()),
		parents:     folders, leaves: !folders,
	}
	if folders {
		p.branch.isCandidate = always
	}
	return p, nil
}

func always(jsontext.Value) bool { return true }

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// maxFilter bounds the media types of a filter.
const maxFilter = 100

// mediaFilter accepts items whose media type begins with one of those in the
// argument fileFilter: "image/png", "image/", "image/*". Without any, all are.
func mediaFilter(given jsontext.Value, path string) func(jsontext.Value) bool {
	v, ok := lookUp(given, "/fileFilter", nil)
	if !ok || path == "" {
		return always
	}
	list, _, err := dotpath.Elements(v, maxFilter)
	if err != nil || len(list) == 0 {
		return always
	}
	prefixes := make([]string, 0, len(list))
	for _, one := range list {
		prefixes = append(prefixes, strings.ToLower(strings.TrimSuffix(dotpath.Text(one), "*")))
	}
	return func(item jsontext.Value) bool {
		have := strings.ToLower(textAt(item, path))
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(have, p) })
	}
}
