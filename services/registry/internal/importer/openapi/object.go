package openapi

import "github.com/ferrule-dev/ferrule/services/registry/internal/document"

// objectWriter writes one JSON object member by member onto a byte slice. It is
// for text that is valid by construction; it does not check.
type objectWriter struct {
	b     []byte
	begun bool
}

func newObject() *objectWriter { return writeObject(nil) }

func writeObject(b []byte) *objectWriter { return &objectWriter{b: append(b, '{')} }

// key starts a member; its value has to follow.
func (w *objectWriter) key(name string) *objectWriter {
	if w.begun {
		w.b = append(w.b, ',')
	}
	w.begun = true
	w.b = append(document.AppendString(w.b, name), ':')
	return w
}

func (w *objectWriter) text(s string) { w.b = document.AppendString(w.b, s) }

func (w *objectWriter) node(n *document.Node) { w.b = n.AppendJSON(w.b) }

func (w *objectWriter) texts(list []string) {
	w.b = append(w.b, '[')
	for i, s := range list {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = document.AppendString(w.b, s)
	}
	w.b = append(w.b, ']')
}

// object starts an object as the value. The caller takes its bytes back with
// w.b = inner.end().
func (w *objectWriter) object() *objectWriter { return writeObject(w.b) }

// end returns everything that was written.
func (w *objectWriter) end() []byte { return append(w.b, '}') }
