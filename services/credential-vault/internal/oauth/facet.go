package oauth

// Facet is one of the things that decide where codes, client secrets, verifiers,
// refresh tokens and access tokens go. Facets with the same name and value are the
// same; nothing secret is in them.
type Facet struct {
	// Name says what it is, for people: "token endpoint".
	Name string
	// Value is what it is; an empty one is as good as none.
	Value string
}
