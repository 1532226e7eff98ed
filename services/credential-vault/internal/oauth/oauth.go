// Package oauth speaks OAuth 2.0 to the providers that there are, and not only to
// those that follow the standard.
//
// A [Profile] says everything about one authorization server and our client there;
// package provider makes it. A [Client] makes the requests that a profile calls
// for and reads the answers:
//
//	url, err := client.AuthorizationURL(profile, oauth.Attempt{State: state, Verifier: verifier})
//	… the browser comes back with a code …
//	token, err := client.Exchange(ctx, profile, code, verifier)
//	…
//	token, err = client.Refresh(ctx, profile, token.Refresh)
//
// Every failure is an [*Error], whose [Verdict] says what it means for the grant:
// that it is gone, that the client is set up wrongly, or that the provider cannot
// be asked at the moment.
package oauth
