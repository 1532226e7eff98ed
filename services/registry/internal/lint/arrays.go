package lint

import "github.com/ferrule-dev/ferrule/services/registry/internal/document"

// arrayRules are about lists that are empty or say a thing twice.
var arrayRules = []rule{
	{
		"ArrayHasNoItems", fails,
		"the array does not say what its items are", "add \"items\"", onSchema(noItems),
	},
	{
		"RequiredPropertyArrayEmpty", fails,
		"the list \"required\" is empty", "remove it", onSchema(func(s *schema, hit report) {
			if s.requires.Is(document.Array) && len(s.requires.Children()) == 0 {
				hit(s.requires)
			}
		}),
	},
	{
		"SchemesArrayEmpty", fails,
		"the list \"schemes\" is empty", "write [\"https\"]", onDocument(func(d *swagger, hit report) {
			if n := d.root.Get("schemes"); n.Is(document.Array) && len(n.Children()) == 0 {
				hit(n)
			}
		}),
	},
	{
		"ArrayDuplicateValue", fails,
		"the value %s is there twice", "remove one of them", onDocument(duplicateInDocument),
	},
	{
		"ArrayDuplicateValue", fails,
		"the value %s is there twice", "remove one of them", onOperation(duplicateInOperation),
	},
	{
		"ArrayDuplicateValue", fails,
		"the value %s is there twice", "remove one of them", onSchema(func(s *schema, hit report) {
			duplicates(s.enum, hit)
			duplicates(s.requires, hit)
		}),
	},
	{
		"EnumMustContainAtLeastOneElement", fails,
		"the list \"enum\" is empty", "remove it, or list the values", onSchema(func(s *schema, hit report) {
			if s.enum.Is(document.Array) && len(s.enum.Children()) == 0 {
				hit(s.enum)
			}
		}),
	},
}

func noItems(s *schema, hit report) {
	if s.typ == "array" && s.items == nil && s.ref == "" {
		hit(s.node)
	}
}

func duplicateInDocument(d *swagger, hit report) {
	for _, key := range []string{"schemes", "consumes", "produces"} {
		duplicates(d.root.Get(key), hit)
	}
}

func duplicateInOperation(o *operation, hit report) {
	for _, key := range []string{"schemes", "consumes", "produces", "tags"} {
		duplicates(o.node.Get(key), hit)
	}
}

// duplicates reports scalars that a list has twice.
func duplicates(list *document.Node, hit report) {
	items := list.Children()
	if !list.Is(document.Array) || len(items) < 2 {
		return
	}
	type value struct {
		kind document.Kind
		text string
	}
	seen := make(map[value]bool, len(items))
	for _, n := range items {
		if n.Is(document.Array) || n.Is(document.Object) {
			continue
		}
		v := value{n.Kind(), n.Text()}
		if seen[v] {
			hit(n, quoted(n))
		}
		seen[v] = true
	}
}

// quoted is a scalar as it is written in JSON, cut if it is long.
func quoted(n *document.Node) string {
	if n.Is(document.String) {
		return `"` + cut(n.Text(), 60) + `"`
	}
	return cut(n.Text(), 60)
}

// cut shortens a text to a number of characters.
func cut(text string, limit int) string {
	count := 0
	for i := range text {
		if count++; count > limit {
			return text[:i] + "…"
		}
	}
	return text
}
