package lint

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// annotationRules are about "x-ms-api-annotation": the revisions of operations.
var annotationRules = []rule{
	{
		"ApiAnnotationExtensionReplacementInfoForNonDeprecatedOperations", fails,
		"the operation %q has a replacement and is not deprecated", "write \"deprecated\": true, or remove the replacement",
		onOperation(func(o *operation, hit report) {
			if r := o.annotation().Get("replacement"); r != nil && !o.deprecated {
				hit(r, o.id)
			}
		}),
	},
	{
		"ApiAnnotationExtensionReplacementInfoMissingApiProperty", fails,
		"the replacement of the operation %q does not name the API", "add \"api\"", onOperation(replacementLacks("api")),
	},
	{
		"ApiAnnotationExtensionReplacementInfoMissingOperationIdProperty", fails,
		"the replacement of the operation %q does not name the operation", "add \"operationId\"",
		onOperation(replacementLacks("operationId")),
	},
	{
		"OperationFamilyHasDuplicateRevisions", fails,
		"the operation %q has the revision %s of the family %q, as %q does", "give each operation a revision of its own",
		onDocument(duplicateRevisions),
	},
	{
		"OperationFamilyHasManyActiveOperations", warns,
		"the family %q has %d operations that are not deprecated", "deprecate all but two", onDocument(manyActive),
	},
	{
		"OperationFamilyHasManyActiveProductionOperations", warns,
		"the family %q has %d production operations that are not deprecated", "deprecate all but one", onDocument(manyProduction),
	},
	{
		"OperationFamilyHasManyEmptyRevisions", fails,
		"the family %q has %d operations without a revision", "number them", onDocument(manyEmpty),
	},
	{
		"OperationRevisionEmpty", warns,
		"the operation %q belongs to the family %q and has no revision", "add \"revision\"", onOperation(func(o *operation, hit report) {
			if a := o.annotation(); a.Str("family") != "" && a.Get("revision") == nil {
				hit(a, o.id, a.Str("family"))
			}
		}),
	},
	{
		"OperationStatusAheadOfConnector", warns,
		"the operation %q is in production and the connector is not", "change the status of one of them", onOperation(aheadOfConnector),
	},
	{
		"OperationIdShouldEndWithRevision", warns,
		"the operation %q is revision %s, and its id does not end with it", "end the id with \"V\" and the number", onOperation(idWithoutRevision),
	},
	{
		"ProductionStatusOnBetaService", warns,
		"the connector is in production and its host %q is that of a test system", "write \"status\": \"Preview\", or name the production host",
		onDocument(productionOnBeta),
	},
}

func (o *operation) annotation() *document.Node { return o.node.Get("x-ms-api-annotation") }

// annotation is that of the whole connector.
func (d *swagger) annotation() *document.Node {
	if a := d.root.Get("x-ms-api-annotation"); a != nil {
		return a
	}
	return d.root.Get("info").Get("x-ms-api-annotation")
}

func isProduction(a *document.Node) bool { return strings.EqualFold(a.Str("status"), "Production") }

func replacementLacks(key string) func(*operation, report) {
	return func(o *operation, hit report) {
		if r := o.annotation().Get("replacement"); r.Is(document.Object) && r.Get(key) == nil {
			hit(r, o.id)
		}
	}
}

// family is the operations that are revisions of one another, in their order.
type family struct {
	name    string
	members []*operation
}

func (d *swagger) families() []*family {
	byName := map[string]*family{}
	var all []*family
	for _, o := range d.operations {
		a := o.annotation()
		name := a.Str("family")
		if name == "" {
			continue
		}
		f := byName[name]
		if f == nil {
			f = &family{name: name}
			byName[name] = f
			all = append(all, f)
		}
		f.members = append(f.members, o)
	}
	return all
}

// count returns how many members are as asked, and the last of them.
func (f *family) count(is func(*operation) bool) (n int, last *operation) {
	for _, o := range f.members {
		if is(o) {
			n, last = n+1, o
		}
	}
	return n, last
}

func duplicateRevisions(d *swagger, hit report) {
	for _, f := range d.families() {
		first := map[string]*operation{}
		for _, o := range f.members {
			revision := o.annotation().Get("revision").Text()
			if revision == "" {
				continue
			}
			if other := first[revision]; other != nil {
				hit(o.annotation(), o.id, revision, f.name, other.id)
				continue
			}
			first[revision] = o
		}
	}
}

func manyActive(d *swagger, hit report) {
	for _, f := range d.families() {
		if n, last := f.count(func(o *operation) bool { return !o.deprecated }); n > 2 {
			hit(last.annotation(), f.name, n)
		}
	}
}

func manyProduction(d *swagger, hit report) {
	for _, f := range d.families() {
		if n, last := f.count(func(o *operation) bool { return !o.deprecated && isProduction(o.annotation()) }); n > 1 {
			hit(last.annotation(), f.name, n)
		}
	}
}

func manyEmpty(d *swagger, hit report) {
	for _, f := range d.families() {
		if n, last := f.count(func(o *operation) bool { return o.annotation().Get("revision") == nil }); n > 1 {
			hit(last.annotation(), f.name, n)
		}
	}
}

func aheadOfConnector(o *operation, hit report) {
	connector := o.doc.annotation()
	if isProduction(o.annotation()) && connector != nil && !isProduction(connector) {
		hit(o.annotation(), o.id)
	}
}

func idWithoutRevision(o *operation, hit report) {
	n := o.annotation().Get("revision")
	revision, err := strconv.Atoi(n.Text())
	if err != nil || revision < 2 || o.id == "" {
		return
	}
	if !strings.HasSuffix(strings.ToLower(o.id), "v"+strconv.Itoa(revision)) {
		hit(n, o.id, n.Text())
	}
}

// betaHosts are parts of host names that tell test systems.
var betaHosts = []string{"beta", "test", "dev", "staging", "sandbox", "preprod", "uat", "qa"}

func productionOnBeta(d *swagger, hit report) {
	host := d.root.Get("host")
	if !isProduction(d.annotation()) || host.Text() == "" {
		return
	}
	for part := range strings.FieldsFuncSeq(strings.ToLower(host.Text()), func(r rune) bool { return r == '.' || r == '-' }) {
		if slices.Contains(betaHosts, part) {
			hit(host, host.Text())
			return
		}
	}
}
