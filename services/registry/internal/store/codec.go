package store

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// version is the first byte of every value.
const version = 1

var (
	errVersion = errors.New("the record was written by another version")
	errDamaged = errors.New("the record is damaged")
)

func unversioned(value []byte) ([]byte, error) {
	if len(value) == 0 || value[0] != version {
		return nil, errVersion
	}
	return value[1:], nil
}

// encodeRecord encodes small records as JSON, which can grow members.
func encodeRecord(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return append([]byte{version}, text...), nil
}

func decodeRecord[T any](b []byte) (record T, err error) {
	if err := json.Unmarshal(b, &record); err != nil {
		return record, fmt.Errorf("decode record: %w", err)
	}
	return record, nil
}

func encodeMessage(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte{version}, m)
	if err != nil {
		return nil, fmt.Errorf("encode message: %w", err)
	}
	return b, nil
}

func decodeMessage(b []byte, m proto.Message) error {
	if err := proto.Unmarshal(b, m); err != nil {
		return fmt.Errorf("decode message: %w", err)
	}
	return nil
}

// How a file is stored.
const (
	plain    = 0
	deflated = 1
	// located is added if the file's URL stands before its size.
	located = 2
)

// encodeFile keeps a file's exact bytes, compressed if that helps: descriptions
// shrink to a tenth.
func encodeFile(f format.File) ([]byte, error) {
	header := []byte{version, deflated}
	header = binary.AppendUvarint(header, uint64(len(f.Path)))
	header = append(header, f.Path...)
	if f.URL != "" {
		header[1] |= located
		header = binary.AppendUvarint(header, uint64(len(f.URL)))
		header = append(header, f.URL...)
	}
	header = binary.AppendUvarint(header, uint64(len(f.Content)))
	buffer := bytes.NewBuffer(header)
	w, err := flate.NewWriter(buffer, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("compress file: %w", err)
	}
	if _, err := w.Write(f.Content); err != nil {
		return nil, fmt.Errorf("compress file: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compress file: %w", err)
	}
	if buffer.Len() < len(header)+len(f.Content) {
		return buffer.Bytes(), nil
	}
	header[1] &^= deflated
	return append(bytes.Clone(header), f.Content...), nil
}

// decodeFile is the inverse of encodeFile without the version.
func decodeFile(b []byte) (format.File, error) {
	if len(b) == 0 {
		return format.File{}, errDamaged
	}
	how, b := b[0], b[1:]
	path, b, ok := cutText(b, format.MaxPath)
	var url []byte
	if ok && how&located != 0 {
		url, b, ok = cutText(b, format.MaxURL)
	}
	size, n := binary.Uvarint(b)
	if !ok || n <= 0 || size > document.MaxBytes {
		return format.File{}, errDamaged
	}
	content := b[n:]
	if how&deflated != 0 {
		r := flate.NewReader(bytes.NewReader(content))
		content = make([]byte, size)
		if _, err := io.ReadFull(r, content); err != nil {
			return format.File{}, fmt.Errorf("decompress file: %w", err)
		}
		if _, err := io.ReadFull(r, make([]byte, 1)); !errors.Is(err, io.EOF) {
			return format.File{}, errDamaged // longer than it says, or without its end
		}
	}
	if uint64(len(content)) != size {
		return format.File{}, errDamaged
	}
	return format.File{Path: string(path), Content: content, URL: string(url)}, nil
}

// filePath returns the path of an encoded file without its version; "" if it is
// damaged.
func filePath(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	path, _, _ := cutText(b[1:], format.MaxPath)
	return string(path)
}

// cutText splits what a text of limited length and its length are in front of.
func cutText(b []byte, limit uint64) (text, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > limit || int(size) > len(b)-n {
		return nil, nil, false
	}
	end := n + int(size)
	return b[n:end], b[end:], true
}
