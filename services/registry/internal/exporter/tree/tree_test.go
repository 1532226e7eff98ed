package tree_test

import (
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/tree"
)

func TestMembersKeepTheirOrderAndNumbersTheirDigits(t *testing.T) {
	o := tree.New().Text("z", "é\n").Set("a", tree.Raw(`{"n":1.50,"m":1e3}`)).Set("list", tree.List{tree.Int(-3), tree.Bool(true), tree.Raw(nil)})
	o.Set("z", tree.String("again")).Text("empty", "").True("no", false).True("yes", true).Texts("none", nil).Some("nothing", tree.New())
	want := `{"z":"again","a":{"n":1.50,"m":1e3},"list":[-3,true,null],"yes":true}`
	if got := string(tree.Compact(o)); got != want {
		t.Errorf("Compact = %s, want %s", got, want)
	}
	if got := len(o.Keys()); got != 4 || o.Len() != 4 || !o.Has("yes") || o.Has("no") {
		t.Errorf("the keys are %q", o.Keys())
	}
}

func TestADocumentIsIndented(t *testing.T) {
	got, err := tree.Document(tree.New().Set("a", tree.Strings([]string{"<x>"})).Set("b", tree.New()))
	if want := "{\n  \"a\": [\n    \"<x>\"\n  ],\n  \"b\": {}\n}\n"; err != nil || string(got) != want {
		t.Errorf("Document = %q, %v, want %q", got, err, want)
	}
}

func TestTextThatIsNoJSONIsAnError(t *testing.T) {
	for _, raw := range []string{"{", "1 2", "nul", "\"\n"} {
		if got, err := tree.Document(tree.New().Set("a", tree.Raw(raw))); err == nil {
			t.Errorf("%q gives %q", raw, got)
		}
	}
}

func TestAnObjectIsFoundAndMade(t *testing.T) {
	o := tree.New().Set("raw", tree.Raw(`{"list":[{"x":1}]}`)).Set("bad", tree.Raw(`1`)).Set("list", tree.List{tree.New(), tree.Raw(`{}`)})
	o.At([]string{"raw", "list", "0"}).Set("y", tree.Int(2))
	o.At([]string{"list", "1"}).Set("z", tree.Int(3))
	o.Object("new").Object("inner").Set("v", tree.Int(4))
	want := `{"raw":{"list":[{"x":1,"y":2}]},"bad":1,"list":[{},{"z":3}],"new":{"inner":{"v":4}}}`
	if got := string(tree.Compact(o)); got != want {
		t.Errorf("Compact = %s, want %s", got, want)
	}
	for _, tokens := range [][]string{{"none"}, {"bad"}, {"bad", "x"}, {"list", "2"}, {"list", "-1"}, {"list", "x"}, {"raw", "list"}} {
		if o.At(tokens) != nil {
			t.Errorf("At(%q) found something", tokens)
		}
	}
	if o.At(nil) != o {
		t.Error("the object itself is not found")
	}
}

func TestADocumentIsCopied(t *testing.T) {
	text := `{"b":[1.0,"x\n",null,true],"a":{}}`
	doc, err := document.Parse("a.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(tree.Compact(tree.From(doc.Root()))); got != text {
		t.Errorf("From = %s, want %s", got, text)
	}
	if got := string(tree.Compact(tree.From(nil))); got != "null" {
		t.Errorf("nothing is %s", got)
	}
}
