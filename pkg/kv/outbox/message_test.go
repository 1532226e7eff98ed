package outbox

import (
	"bytes"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestARecordKeepsItsBytes(t *testing.T) {
	m := Message{ID: "7", Subject: "a.b", Data: []byte("data"), Header: map[string]string{"z": "last", "k": ""}}
	// Stored by programs of today and read by those of tomorrow: a change of
	// these bytes needs a new version.
	want := "\x01\x017\x03a.b\x04data\x01k\x00\x01z\x04last"
	if got := string(encode(m)); got != want {
		t.Errorf("encode = %q, want %q", got, want)
	}
	got, err := decode([]byte(want))
	if diff := cmp.Diff(m, got); diff != "" || err != nil {
		t.Errorf("decode: %v (-want +got):\n%s", err, diff)
	}
}

func TestUnreadableRecordsAreErrors(t *testing.T) {
	whole := encode(Message{ID: "id", Subject: "subject", Data: []byte("data"), Header: map[string]string{"k": "v"}})
	for name, record := range map[string][]byte{
		"empty":                          {},
		"a version of tomorrow":          append([]byte{2}, whole[1:]...),
		"version zero":                   append([]byte{0}, whole[1:]...),
		"a length beyond the end":        {1, 2, 'i'},
		"a length beyond all ends":       append([]byte{1}, bytes.Repeat([]byte{0xff}, 9)...),
		"a length beyond 64 bits":        append([]byte{1}, bytes.Repeat([]byte{0xff}, 11)...),
		"a length near the greatest int": {1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"no subject":                     whole[:4],
		"a header without value":         whole[:len(whole)-2],
		"a header cut in its value":      whole[:len(whole)-1],
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := decode(record); !errors.Is(err, errRecord) {
				t.Errorf("decode = %+v, %v, want an error", m, err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0, 0})
	f.Add(encode(Message{ID: "id", Subject: "subject", Data: []byte("data"), Header: map[string]string{"k": "v", "": "x"}}))
	f.Fuzz(func(t *testing.T, record []byte) {
		m, err := decode(record)
		if err != nil {
			return
		}
		again, err := decode(encode(m))
		if diff := cmp.Diff(m, again, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("a decoded message does not survive the next round trip: %v\n%s", err, diff)
		}
	})
}

func TestMessagesAreCheckedAtTheirLimits(t *testing.T) {
	sound := Message{ID: "id", Subject: "subject", Data: []byte("data"), Header: map[string]string{"name": "value"}}
	for _, row := range []struct {
		name   string
		change func(*Message)
		wrong  string // what the error names, empty for none
	}{
		{"a sound message", func(*Message) {}, ""},
		{"no data and no header", func(m *Message) { m.Data, m.Header = nil, nil }, ""},
		{"no id", func(m *Message) { m.ID = "" }, "the id has 0 bytes"},
		{"the longest id", func(m *Message) { m.ID = strings.Repeat("i", MaxID) }, ""},
		{"an id too long", func(m *Message) { m.ID = strings.Repeat("i", MaxID+1) }, "the id has 257 bytes"},
		{"no subject", func(m *Message) { m.Subject = "" }, "the subject has 0 bytes"},
		{"the longest subject", func(m *Message) { m.Subject = strings.Repeat("s", MaxSubject) }, ""},
		{"a subject too long", func(m *Message) { m.Subject = strings.Repeat("s", MaxSubject+1) }, "the subject has 513 bytes"},
		{"the most data", func(m *Message) { m.Data = make([]byte, MaxData) }, ""},
		{"too much data", func(m *Message) { m.Data = make([]byte, MaxData+1) }, "the data has"},
		{"the most header", func(m *Message) { m.Header = map[string]string{"n": strings.Repeat("v", MaxHeader-1)} }, ""},
		{"too much header", func(m *Message) { m.Header["n"] = strings.Repeat("v", MaxHeader-9) }, "the header has"},
		{"a header without a name", func(m *Message) { m.Header[""] = "value" }, "a header has no name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := sound
			m.Header = maps.Clone(sound.Header)
			row.change(&m)
			err := m.check()
			if row.wrong == "" {
				if err != nil {
					t.Errorf("check = %v, want nil", err)
				}
				return
			}
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), row.wrong) {
				t.Errorf("check = %v, want an ErrInvalid that says %q", err, row.wrong)
			}
		})
	}
}
