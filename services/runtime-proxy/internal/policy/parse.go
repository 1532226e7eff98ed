package policy

import "github.com/ferrule-dev/ferrule/pkg/policytext"

// The language of expressions is that of package policytext; this package works out
// what its parts mean for a call.
type (
	dialect  = policytext.Dialect
	function = policytext.Function
	path     = policytext.Path
	pathStep = policytext.Step
)

const (
	dialectText  = policytext.Text
	dialectURL   = policytext.URL
	dialectRoute = policytext.Route
	dialectValue = policytext.Value
)

const (
	literal             = policytext.Literal
	connectionParameter = policytext.ConnectionParameter
	queryParameter      = policytext.QueryParameter
	header              = policytext.Header
	environmentVariable = policytext.EnvironmentVariable
	bodyPath            = policytext.Body
	argument            = policytext.Argument // {name}: a path argument of the operation
)

const rootItem = policytext.RootItem

// parse compiles a text. Whatever is no call is literal text, also what looks
// like a call of a function that does not exist: such texts are in use.
func parse(text string, d dialect) *expression {
	x := &expression{}
	for _, p := range policytext.Parse(text, d) {
		x.parts = append(x.parts, part{Part: p})
	}
	return x
}

// add appends literal text.
func (x *expression) add(text string) {
	if text == "" {
		return
	}
	if n := len(x.parts); n > 0 && x.parts[n-1].Function == literal {
		x.parts[n-1].Literal += text
		return
	}
	x.parts = append(x.parts, part{Part: policytext.Part{Literal: text}})
}
