package store

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// operationPage is how many operations are read at once.
const operationPage = 500

// Connector implements [core.Reader].
func (r reader) Connector(name resource.Connector) (core.Connector, error) {
	return record[core.Connector](r, connectorKey(name))
}

// Former implements [core.Reader].
func (r reader) Former(name resource.Connector) (core.Ownership, error) {
	return record[core.Ownership](r, formerKey(name))
}

// record reads one record.
func record[T any](r reader, key []byte) (T, error) {
	b, err := r.get(key)
	if err != nil {
		var none T
		return none, err
	}
	return decodeRecord[T](b)
}

// Environment implements [core.Reader].
func (r reader) Environment(name resource.Environment) (core.Environment, error) {
	return record[core.Environment](r, environmentKey(name))
}

// Environments implements [core.Reader].
func (r reader) Environments(after string, limit int) ([]core.Environment, error) {
	return records[core.Environment](r, environmentKey(resource.Environment{}), after, limit)
}

// Connectors implements [core.Reader].
func (r reader) Connectors(env resource.Environment, after string, limit int) ([]core.Connector, error) {
	return records[core.Connector](r, connectorKey(resource.Connector{Environment: env.ID}), after, limit)
}

// records reads the records whose keys are a prefix and an id that comes after
// the given one, "" for all.
func records[T any](r reader, prefix []byte, after string, limit int) ([]T, error) {
	var start []byte
	if after != "" {
		start = append(bytes.Clone(prefix), after...)
	}
	pairs, err := r.kv.Scan(prefix, start, limit)
	if err != nil {
		return nil, fmt.Errorf("scan records: %w", err)
	}
	list := make([]T, len(pairs))
	for i, p := range pairs {
		b, err := unversioned(p.Value)
		if err != nil {
			return nil, err
		}
		if list[i], err = decodeRecord[T](b); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Revision implements [core.Reader].
func (r reader) Revision(name resource.Revision) (core.Revision, error) {
	return record[core.Revision](r, revisionKey(name))
}

// Revisions implements [core.Reader].
func (r reader) Revisions(name resource.Connector, before uint64, limit int) ([]core.Revision, error) {
	var start []byte
	if before != 0 {
		start = sequenceKey(name, before)
	}
	pairs, err := r.kv.Scan(sequencePrefix(name), start, limit)
	if err != nil {
		return nil, fmt.Errorf("scan revisions: %w", err)
	}
	list := make([]core.Revision, len(pairs))
	for i, p := range pairs {
		id, err := unversioned(p.Value)
		if err != nil {
			return nil, err
		}
		full := resource.Revision{Environment: name.Environment, Connector: name.ID, ID: string(id)}
		if list[i], err = r.Revision(full); err != nil {
			return nil, fmt.Errorf("read revision %s: %w", full, err)
		}
	}
	return list, nil
}

// Findings implements [core.Reader].
func (r reader) Findings(name resource.Revision) ([]format.Finding, error) {
	return record[[]format.Finding](r, partKey(name, partFindings))
}

// Connection implements [core.Reader].
func (r reader) Connection(name resource.Revision) (*connectorv1.Definition, error) {
	return r.definition(name, partConnection)
}

func (r reader) definition(name resource.Revision, part string) (*connectorv1.Definition, error) {
	b, err := r.get(partKey(name, part))
	if err != nil {
		return nil, fmt.Errorf("read part %q: %w", part, err)
	}
	def := &connectorv1.Definition{}
	return def, decodeMessage(b, def)
}

// Definition implements [core.Reader]: the sum of all parts.
func (r reader) Definition(rev core.Revision) (*connectorv1.Definition, error) {
	def, err := r.definition(rev.Name, partConnection)
	if err != nil {
		return nil, err
	}
	rest, err := r.definition(rev.Name, partRest)
	if err != nil {
		return nil, err
	}
	proto.Merge(def, rest)
	def.Operations, err = r.Operations(rev.Name, 0, rev.Operations())
	return def, err
}

// Operations implements [core.Reader].
func (r reader) Operations(name resource.Revision, from, limit int) ([]*connectorv1.Operation, error) {
	var list []*connectorv1.Operation
	var start []byte
	if from > 0 {
		start = partKey(name, partOperation(from-1))
	}
	for len(list) < limit {
		want := min(limit-len(list), operationPage)
		pairs, err := r.kv.Scan(partKey(name, "operation/"), start, want)
		if err != nil {
			return nil, fmt.Errorf("scan operations: %w", err)
		}
		for _, p := range pairs {
			b, err := unversioned(p.Value)
			if err != nil {
				return nil, err
			}
			op := &connectorv1.Operation{}
			if err := decodeMessage(b, op); err != nil {
				return nil, err
			}
			list = append(list, op)
			start = p.Key
		}
		if len(pairs) < want {
			break
		}
	}
	return list, nil
}

// Source implements [core.Reader].
func (r reader) Source(rev core.Revision) ([]format.File, error) {
	files := make([]format.File, rev.Files)
	for i := range files {
		b, err := r.get(partKey(rev.Name, partFile(i)))
		if err != nil {
			return nil, fmt.Errorf("read source file %d: %w", i, err)
		}
		if files[i], err = decodeFile(b); err != nil {
			return nil, fmt.Errorf("read source file %d: %w", i, err)
		}
	}
	return files, nil
}

// File implements [core.Reader]. Files are looked at by their paths, and only
// the one that is wanted is decompressed.
func (r reader) File(rev core.Revision, path string) ([]byte, error) {
	for i := range rev.Files {
		b, err := r.get(partKey(rev.Name, partFile(i)))
		if err != nil {
			return nil, fmt.Errorf("read source file %d: %w", i, err)
		}
		if filePath(b) != path {
			continue
		}
		f, err := decodeFile(b)
		if err != nil {
			return nil, fmt.Errorf("read source file %d: %w", i, err)
		}
		return f.Content, nil
	}
	return nil, core.ErrNotFound
}

// Packed implements [core.Reader]: nothing is decoded, so that a copy is exact.
func (r reader) Packed(rev core.Revision) (core.Packed, error) {
	var packed core.Packed
	for _, name := range parts(rev) {
		value, err := r.kv.Get(partKey(rev.Name, name))
		if err != nil {
			return nil, fmt.Errorf("read part %q: %w", name, err)
		}
		packed = append(packed, core.Part{Name: name, Value: value})
	}
	return packed, nil
}
