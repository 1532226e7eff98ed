// Package oauth speaks OAuth 2.0 to the providers that there are, and not only to
// those that follow the standard.
//
// A [Profile] says everything about one authorization server and our client there;
// package provider makes it. A [Client] makes the requests that a profile calls
// for and reads the answers:
//
//	attempt := oauth.Attempt{State: oauth.NewState(), Verifier: oauth.NewVerifier()}
//	page, err := client.AuthorizationURL(profile, attempt)
//	… the browser comes back with a code …
//	token, err := client.Exchange(ctx, profile, code, attempt)
//	…
//	token, err = client.Refresh(ctx, profile, token.Refresh)
//
// Every failure is an [*Error], whose [Verdict] says what it means for the grant:
// that it is gone, that the client is set up wrongly, or that the provider cannot
// be asked at the moment.
//
// A request is put together in a request (form, client authentication, templates
// of connector packages), sent by Client.send, which reads a bounded answer into a
// reply, and read as a tree of nodes, from which a [Token] or an [*Error] is made.
// Secrets stay in byte slices that are cleared, as far as net/http lets them: its
// header fields and URLs are strings, and its buffers are its own.
package oauth
