package plan

// WithoutBody returns the operation for calls whose body does not come with the
// input: an input must not have one, and the request that is built has none yet.
func (o *Operation) WithoutBody() *Operation {
	bare := *o
	bare.body = nil
	return &bare
}
