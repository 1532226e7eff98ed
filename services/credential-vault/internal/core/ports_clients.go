package core

// ClientStore keeps OAuth clients.
type ClientStore interface{}
