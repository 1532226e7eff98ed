// Package core is what the trigger service knows and decides: which triggers
// can be used, what is new, when to ask again, what happens at the API when a
// subscription comes and goes.
//
// [Triggers] holds the use cases. It stands on [Ports]: a store, the runtime,
// the registry, the vault, the bus. Nothing here performs input or output by
// itself, so every step can be tried with a port that fails or a process that
// dies at it.
//
//	triggers := core.New(core.Config{PublicURL: "https://ferrule.example.com"}, ports)
//	sub, err := triggers.Create(ctx, caller, draft)
//	next, err := triggers.Poll(ctx, sub.UID, due)
//
// # How the promise is kept
//
// A poll changes the cursor and leaves its events in the outbox in one
// transaction; ids of events are computed from the subscription and the item.
// So a poll that is repeated, for whatever reason, either finds the cursor moved
// or makes the very same events. A notification is answered after its event is
// on the bus. A webhook at an API is registered and removed in two durable
// steps, with the intention stored first.
package core
