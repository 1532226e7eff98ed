package core

// GrantStore keeps the tokens of connections.
type GrantStore interface{}
