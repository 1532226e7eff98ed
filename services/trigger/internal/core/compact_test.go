package core

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// jsonTexts are JSON and what is nearly JSON.
func jsonTexts() []string {
	return []string{
		"", " ", "{}", "[]", `""`, "0", "-0", "-", "01", "1.", "1.5", ".5", "1e3", "1E+3", "1e-3", "1e", "1e+", "-1.25E-7", "+1",
		"true", "false", "null", "tru", "truex", "nul", "nullnull", "True",
		`{"a":1}`, `{"a":1,}`, `{"a"}`, `{"a":}`, `{a:1}`, `{"a":1,"b":[1,2,{"c":null}]}`, `{"a":1 }`, ` {"a":1}`, "{\"a\":1}\n", `{"a": 1}`, `{"a":1}{`,
		`{,}`, `[,]`, `[1,]`, `[1,2]`, `[1 ,2]`, `[1 2]`, `[[]]`, `[[]`, `]`, `[1}`, `{"a":1]`,
		`"\u00e9"`, `"\u00g9"`, `"\u00"`, `"\n\t\\\"\/\b\f\r"`, `"\x"`, `"\`, `"a`, "\"a\nb\"", "\"\x7f\"", `"é"`, "\"\xe9\"", "\"\xff", `"\ud800"`, "\ufeff{}",
		"\"a\u2028b\"", `{"a":1,"a":2}`, "[\x001]", strings.Repeat("[", 70) + strings.Repeat("]", 70), strings.Repeat("[", 20000) + strings.Repeat("]", 20000),
		strings.Repeat(`{"a":`, 63) + "1" + strings.Repeat("}", 63),
	}
}

func checkCompact(t *testing.T, body []byte) {
	t.Helper()
	before := bytes.Clone(body)
	var want bytes.Buffer
	ok := utf8.Valid(body) && json.Compact(&want, body) == nil
	if !ok {
		want.Reset()
		want.Write(body)
	}
	if got, is := compact(body); is != ok || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("%.80q: got %.80q, %v; want %.80q, %v", body, got, is, want.Bytes(), ok)
	}
	if !bytes.Equal(body, before) {
		t.Errorf("%.80q was changed", before)
	}
}

func TestCompactIsWhatTheStandardLibrarySays(t *testing.T) {
	for _, text := range jsonTexts() {
		checkCompact(t, []byte(text))
	}
}

func TestTextWithoutWhiteSpaceIsNotCopied(t *testing.T) {
	body := []byte(`{"a":["b\u00e9\n",1.5e-3,true,false,null,{}],"c":{"d":"é"}}`)
	if n := testing.AllocsPerRun(100, func() { compact(body) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCompact(f *testing.F) {
	for _, text := range jsonTexts() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) { checkCompact(t, body) })
}

func BenchmarkCompact(b *testing.B) {
	body := []byte(`{"at":1763787600000000000,"padding":"` + strings.Repeat("x", 980) + `"}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		compact(body)
	}
}
