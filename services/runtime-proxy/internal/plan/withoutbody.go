package plan

// WithoutBody returns the operation for calls whose body does not come with the
// input: an input must not have one, and the request that is built has none yet.
func (o *Operation) WithoutBody() *Operation {
	bare := *o
	bare.body = nil
	return &bare
}

// CheckUpload refuses a body of a media type that the operation does not take, as
// [Operation.Read] does: INPUT_INVALID with the list of those that there are.
func (o *Operation) CheckUpload(mediaType string) error {
	found := &violations{operation: o.ID()}
	const field = "start.content_type"
	switch {
	case o.body == nil:
		found.add(field, "must be empty: the operation takes no body")
	case o.body.find(mediaType) == nil && (len(o.body.contents) > 1 || !o.body.contents[0].isDocument()):
		found.add(field, "must be one of "+quoteSome(o.body.mediaTypes()))
	case !isMediaType(mediaType):
		found.add(field, "must be a media type, such as image/png")
	}
	return found.err()
}
