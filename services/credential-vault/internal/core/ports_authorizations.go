package core

// AuthorizationStore keeps sign-ins under way.
type AuthorizationStore interface{}
