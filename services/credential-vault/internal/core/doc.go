// Package core is what the credential vault does, without how it is reached or
// where things are kept.
//
// [Vault] has a method for each thing that can be done with a connection. It
// checks who asks ([Caller]), whether the values fit the connector (the port
// [Connectors]), encrypts secrets ([Sealer]) and keeps connections ([Store]).
// Secrets leave it in one place only: [Vault.Resolve].
//
// What a person has to consent to is a sign-in ([Vault.StartAuthorization],
// [Vault.ReceiveAuthorization], [Vault.CompleteAuthorization]), which the ports
// [Presets] and [Tokens] carry to the provider. It gives a connection its [Grant].
//
//	v := core.New(core.Config{Lease: time.Minute}, core.Ports{Store: s, Sealer: k, Connectors: c, Environments: e, Clock: clk, NewID: id})
//	connection, err := v.Create(ctx, caller, core.Draft{…})
//
// Every error that a caller can do something about is a *fault.Error.
package core
