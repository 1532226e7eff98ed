package sandbox

// pairs are header fields as they cross.
func pairs(fields []Field) [][2]string {
	out := make([][2]string, len(fields))
	for i, f := range fields {
		out[i] = [2]string{f.Name, f.Value}
	}
	return out
}

// fields are header fields as they came back.
func fields(pairs [][2]string) []Field {
	out := make([]Field, len(pairs))
	for i, p := range pairs {
		out[i] = Field{Name: p[0], Value: p[1]}
	}
	return out
}

func (r *Request) head() messageHead {
	return messageHead{Method: r.Method, URL: r.URL, Headers: pairs(r.Header), OperationID: r.OperationID}
}

func (r *Response) head() messageHead {
	return messageHead{Status: r.Status, Headers: pairs(r.Header)}
}

func (m *messageHead) request(body []byte) *Request {
	return &Request{Method: m.Method, URL: m.URL, Header: fields(m.Headers), Body: body, OperationID: m.OperationID}
}

func (m *messageHead) response(body []byte) *Response {
	return &Response{Status: m.Status, Header: fields(m.Headers), Body: body}
}
