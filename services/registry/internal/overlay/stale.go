package overlay

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// Was is the extension that says what an object said when extensions were
// written beside it: an object with the fingerprint of each field under the
// name of the field's extension without [Prefix].
const Was = Prefix + "was"

// ErrStale is why an extension is left out whose object was edited since.
var ErrStale = errors.New("what it replaces was edited after the extension was written")

// fingerprintBytes is how much of a hash is kept. It tells edits from none, and
// protects nothing.
const fingerprintBytes = 6

// fingerprint stands for the value of a field.
func fingerprint(m protoreflect.Message, f protoreflect.FieldDescriptor) (string, error) {
	text, err := encode(m, f)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:fingerprintBytes]), nil
}

// stale reports whether the field that a statement is for is no longer what it
// was. Statements that people write say nothing about that, and always count.
func (s statement) stale() (bool, error) {
	was := s.was.Get(strings.TrimPrefix(s.node.Key(), Prefix))
	if !was.Is(document.String) {
		return false, nil
	}
	is, err := fingerprint(s.owner, s.field)
	return is != was.Text(), err
}

// without returns the text of a schema without the named members.
func without(s *connectorv1.Schema, names []string) {
	doc, err := document.Parse("schema.json", s.GetJson())
	if err != nil || !doc.Root().Is(document.Object) {
		return
	}
	parts := make([][]byte, 0, len(doc.Root().Children()))
	for _, c := range doc.Root().Children() {
		if !slices.Contains(names, c.Key()) {
			parts = append(parts, c.AppendJSON(append(document.AppendString(nil, c.Key()), ':')))
		}
	}
	s.Json = append(append([]byte{'{'}, bytes.Join(parts, []byte{','})...), '}')
}
