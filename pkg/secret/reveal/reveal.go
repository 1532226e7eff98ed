// Package reveal is the permission to read secrets.
//
// A [secret.Text] gives its bytes only to a caller that holds a [Token], and
// only this package makes one. So the list of packages that import reveal is
// the list of places where plaintext can appear; the architecture test keeps
// that list short.
//
// [secret.Text]: https://pkg.go.dev/github.com/ferrule-dev/ferrule/pkg/secret#Text
package reveal

// Token is the permission to read a secret. Keep it out of the signatures of
// other packages: a token that is handed on makes the list of imports a lie.
type Token struct{ _ struct{} }

// Grant returns a permission.
func Grant() Token { return Token{} }
