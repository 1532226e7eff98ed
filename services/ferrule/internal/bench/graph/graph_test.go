package graph_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/graph"
	"github.com/ferrule-dev/ferrule/services/registry"
)

func TestTheDescriptionIsAsLargeAsItShouldBe(t *testing.T) {
	var size counter
	if err := graph.Write(&size, graph.Operations); err != nil {
		t.Fatal(err)
	}
	if size < 46_000_000 || size > 48_000_000 {
		t.Errorf("%d bytes", size)
	}
}

type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func TestTheDescriptionIsTheSameEveryTime(t *testing.T) {
	var first, second bytes.Buffer
	for _, b := range []*bytes.Buffer{&first, &second} {
		if err := graph.Write(b, 80); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("it differs")
	}
}

func TestTheDescriptionIsOne(t *testing.T) {
	var text bytes.Buffer
	if err := graph.Write(&text, 400); err != nil {
		t.Fatal(err)
	}
	report, err := registry.Validate(t.Context(), []registry.File{{Path: "openapi.yaml", Content: text.Bytes()}})
	if err != nil || report.Actions != 400 || report.Title != "Generated Graph" {
		t.Fatalf("%d actions of %q, %v", report.Actions, report.Title, err)
	}
	for _, f := range report.Findings {
		if f.Severity == registry.Error {
			t.Errorf("finding: %+v", f)
		}
	}
}

type broken struct{ after int }

func (b *broken) Write(p []byte) (int, error) {
	if b.after -= len(p); b.after < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestErrorsOfTheWriterAreTold(t *testing.T) {
	for _, after := range []int{0, 3 << 20} {
		if err := graph.Write(&broken{after: after}, 4000); !errors.Is(err, io.ErrShortWrite) || !strings.Contains(err.Error(), "description") {
			t.Errorf("after %d bytes: %v", after, err)
		}
	}
}
