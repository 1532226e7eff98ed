package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
)

func TestEveryQuestionIsAnswered(t *testing.T) {
	var out bytes.Buffer
	if err := command(t.Context(), []string{"-connectors", "1000", "-calls", "20", "-dir", t.TempDir()}, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	var o Outcome
	if err := json.Unmarshal(out.Bytes(), &o); err != nil {
		t.Fatal(err)
	}
	if o.Connectors != 1000 || o.Operations != 10_000 || o.Memory == 0 || o.Fill == 0 || o.Load == 0 {
		t.Errorf("outcome = %+v", o)
	}
	totals := map[string]float64{
		"list connectors, page after page": 1000, "search connectors by a word of 100 of them": 100,
		"search operations by two words, 50 results": 50, "search operations by a word of 1,000 of them": 1000,
	}
	for _, f := range o.Figures {
		if f.Calls != 20 || f.Results < 45 || f.Results > 50 || f.P50 <= 0 || f.P99 < f.P50 {
			t.Errorf("figure = %+v", f)
		}
		if want := totals[f.Name]; want != 0 && (f.Total < want*0.95 || f.Total > want*1.05) {
			t.Errorf("%s: %.1f in all, want %.0f", f.Name, f.Total, want)
		}
		delete(totals, f.Name)
	}
	if len(totals) > 0 {
		t.Errorf("nobody asked: %v", totals)
	}
}

func TestNoQuestionIsAskedTwice(t *testing.T) {
	for _, connectors := range []int{1000, 100_000} {
		seen := map[string]bool{}
		for n := range 200 {
			for _, q := range []string{about(connectors/perTopic, n), fmt.Sprint(verbs[n%len(verbs)], methods(1+n/len(verbs)))} {
				if seen[q] || q == "" {
					t.Fatalf("of %d connectors, %q is asked twice", connectors, q)
				}
				seen[q] = true
			}
		}
	}
}

func TestTopicsAreInNoOtherWords(t *testing.T) {
	seen := map[string]bool{}
	for n := range 1000 {
		word := topic(n)[:topicStart]
		if seen[word] {
			t.Fatalf("%q stands for two topics", word)
		}
		seen[word] = true
	}
	for n := range uint64(40_000) {
		if seen[word(n)[:min(topicStart, len(word(n)))]] {
			t.Fatalf("%q is a topic", word(n))
		}
	}
}

func TestFlags(t *testing.T) {
	for _, args := range []string{"-connectors 1500", "-connectors 0", "-calls 0", "-calls 201", "more", "-colour"} {
		if err := command(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
	if err := command(t.Context(), []string{"-h"}, io.Discard, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}
