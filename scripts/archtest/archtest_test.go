package main

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
)

// parsed makes a tree of source texts by file name.
func parsed(t *testing.T, sources map[string]string) *tree {
	t.Helper()
	made := newTree()
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		dir := path.Dir(name)
		p := made.byPath[repository+dir]
		if p == nil {
			p = &pkg{path: dir}
			made.register(p)
		}
		if err := made.add(p, name, []byte(sources[name])); err != nil {
			t.Fatal(err)
		}
	}
	return made
}

// importing is a documented package with the given imports.
func importing(paths ...string) string {
	var b strings.Builder
	b.WriteString("// Package x is one.\npackage x\n")
	for _, p := range paths {
		b.WriteString("import _ \"" + p + "\"\n")
	}
	return b.String()
}

// body is a documented package with the given rest.
func body(rest string) string { return "// Package x is one.\npackage x\n" + rest }

func TestRules(t *testing.T) {
	const grpc = "google.golang.org/grpc"
	ours := func(p string) string { return repository + p }
	for _, tc := range []struct {
		name    string
		sources map[string]string
		want    []string // beginnings of the findings, in order
	}{
		{
			name: "a service uses pkg and gen, pkg uses gen: fine",
			sources: map[string]string{
				"services/registry/a.go": importing(ours("pkg/kv"), ours("gen/go/x"), ours("services/registry/internal/core")),
				"pkg/kv/a.go":            importing(ours("gen/go/x")),
			},
		},
		{
			name:    "a service may not import another, not even from a test",
			sources: map[string]string{"services/trigger/internal/api/a_test.go": importing(ours("services/registry"))},
			want:    []string{"services/trigger/internal/api/a_test.go:3: services/trigger/internal/api imports services/registry"},
		},
		{
			name: "the one-process suite sees services from the outside only",
			sources: map[string]string{
				"services/ferrule/a.go": importing(ours("services/registry"), ours("services/registry/internal/core")),
			},
			want: []string{"services/ferrule/a.go:4: services/ferrule imports services/registry/internal/core"},
		},
		{
			name:    "pkg may not look up at a service",
			sources: map[string]string{"pkg/run/a.go": importing(ours("services/registry"))},
			want:    []string{"pkg/run/a.go:3: pkg/run imports services/registry"},
		},
		{
			name:    "generated code may not look up at pkg",
			sources: map[string]string{"gen/go/a.go": importing(ours("pkg/kv"))},
			want:    []string{"gen/go/a.go:3: gen/go imports pkg/kv"},
		},
		{
			name:    "a core package may not import a transport",
			sources: map[string]string{"services/registry/internal/core/a.go": importing(grpc + "/codes")},
			want:    []string{"services/registry/internal/core/a.go:3: services/registry/internal/core reaches a transport"},
		},
		{
			name: "nor reach one through a package of ours",
			sources: map[string]string{
				"services/registry/internal/importer/swagger2/a.go": importing(ours("pkg/authn")),
				"pkg/authn/a.go":   importing(ours("pkg/authn/b")),
				"pkg/authn/b/b.go": importing("go.etcd.io/bbolt"),
			},
			want: []string{
				"services/registry/internal/importer/swagger2/a.go:3: services/registry/internal/importer/swagger2 reaches a transport" +
					" or a storage engine: pkg/authn → pkg/authn/b → go.etcd.io/bbolt",
			},
		},
		{
			name: "the tests of a core package may use any engine, and its neighbours any transport",
			sources: map[string]string{
				"services/registry/internal/core/a_test.go": importing("go.etcd.io/bbolt"),
				"services/registry/internal/api/a.go":       importing(grpc),
				"services/registry/internal/corelike/a.go":  importing(grpc),
			},
		},
		{
			name: "a core package may use the data of net/http but not serve",
			sources: map[string]string{
				"services/runtime-proxy/internal/plan/a.go": body("import \"net/http\"\nvar a = http.StatusOK\nvar b http.Handler"),
			},
			want: []string{"services/runtime-proxy/internal/plan/a.go:5: core package services/runtime-proxy/internal/plan uses http.Handler"},
		},
		{
			name: "only the named packages can read secrets",
			sources: map[string]string{
				"services/runtime-proxy/internal/inject/a.go":       importing(ours(revealPackage)),
				"services/runtime-proxy/internal/request/a_test.go": importing(ours(revealPackage)),
			},
			want: []string{"services/runtime-proxy/internal/request/a_test.go:3: services/runtime-proxy/internal/request can read secret values"},
		},
		{
			name: "where tests may read secrets, what ships may not",
			sources: map[string]string{
				"services/credential-vault/internal/core/a.go":      importing(ours(revealPackage)),
				"services/credential-vault/internal/core/a_test.go": importing(ours(revealPackage)),
			},
			want: []string{"services/credential-vault/internal/core/a.go:3: services/credential-vault/internal/core can read secret values"},
		},
		{
			name: "the wall clock is read in one package, and in tests and what supports them",
			sources: map[string]string{
				"pkg/clock/a.go":       body("import \"time\"\nvar a = time.Now()"),
				"pkg/run/a.go":         body("import stdtime \"time\"\nvar a = stdtime.Now()\nvar b = stdtime.Second"),
				"pkg/run/a_test.go":    body("import \"time\"\nvar a = time.Now()"),
				"pkg/kv/kvtest/a.go":   body("import \"time\"\nvar a = time.Now()"),
				"pkg/egress/dialer.go": body("var time timer\nvar a = time.Now()"),
			},
			want: []string{"pkg/run/a.go:4: pkg/run uses time.Now"},
		},
		{
			name: "transports, dialers and default clients are made in one package",
			sources: map[string]string{
				"pkg/egress/a.go": body("import \"net/http\"\nvar a = &http.Transport{}"),
				"pkg/bus/a.go": body("import (\n\"net\"\n\"net/http\"\n)\nvar a = &http.Transport{}\nvar b = new(http.Transport)\n" +
					"var c http.Client\nvar d = http.Client{}\nvar e = http.DefaultClient\nvar f, g = net.Dial(\"\", \"\")\nvar h net.Dialer\n" +
					"var ok1 *http.Transport\nvar ok2 = http.Client{Transport: x}\nvar ok3 net.IP"),
			},
			want: []string{
				"pkg/bus/a.go:7: pkg/bus uses a literal http.Transport",
				"pkg/bus/a.go:8: pkg/bus uses new(http.Transport)",
				"pkg/bus/a.go:9: pkg/bus uses a variable of type http.Client",
				"pkg/bus/a.go:10: pkg/bus uses an http.Client on the default transport",
				"pkg/bus/a.go:11: pkg/bus uses http.DefaultClient",
				"pkg/bus/a.go:12: pkg/bus uses net.Dial",
				"pkg/bus/a.go:13: pkg/bus uses a variable of type net.Dialer",
			},
		},
		{
			name: "packages and exported names are documented, a group's comment counting for its members",
			sources: map[string]string{
				"pkg/run/a.go": "package run\ntype A int\nfunc B() {}\nfunc (A) C() {}\nfunc (a) D() {}\n" +
					"// Group.\nconst (\nE = 1\n)\nvar (\nF = 1 // F is one.\nG = 2\n)\n",
				"pkg/run/a_test.go":             "package run\nfunc Helper() {}\n",
				"gen/go/a.go":                   "// Code generated by x. DO NOT EDIT.\n\npackage x\ntype A int\n",
				"services/x/cmd/x/main.go":      "// Command x is one.\npackage main\nfunc Main() {}\n",
				"services/x/cmd/y/only_test.go": "package main\n",
			},
			want: []string{
				"pkg/run/a.go: package pkg/run has no doc comment",
				"pkg/run/a.go:2: A is exported",
				"pkg/run/a.go:3: B is exported",
				"pkg/run/a.go:4: C is exported",
				"pkg/run/a.go:12: G is exported",
			},
		},
		{
			name: "a function at the limit passes, one line more does not; a file likewise",
			sources: map[string]string{
				"pkg/run/a.go": body("func a() {" + strings.Repeat("\n", maxFunctionLines-1) + "}\n" +
					"func b() {" + strings.Repeat("\n", maxFunctionLines) + "}\n"),
				"pkg/run/b.go":      body(strings.Repeat("\n", maxFileLines-2)),
				"pkg/run/c.go":      body(strings.Repeat("\n", maxFileLines-1)),
				"pkg/run/c_test.go": body(strings.Repeat("\n", maxFileLines)),
			},
			want: []string{
				"pkg/run/a.go:63: b has 61 lines, the limit is 60",
				"pkg/run/c.go: the file has 501 lines, the limit is 500",
			},
		},
		{
			name:    "a package is not named after being one",
			sources: map[string]string{"pkg/util/a.go": body("")},
			want:    []string{"pkg/util/a.go: the name of package pkg/util does not say what it is for"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			compare(t, check(parsed(t, tc.sources)), tc.want)
		})
	}
}

// compare fails unless the findings begin as wanted, in any order of lines
// within a file.
func compare(t *testing.T, found []finding, want []string) {
	t.Helper()
	left := slices.Clone(found)
	for _, w := range want {
		i := slices.IndexFunc(left, func(f finding) bool { return strings.HasPrefix(f.String(), w) })
		if i < 0 {
			t.Errorf("not found: %s", w)
			continue
		}
		if left[i].remedy == "" {
			t.Errorf("no remedy: %s", left[i])
		}
		left = slices.Delete(left, i, i+1)
	}
	for _, f := range left {
		t.Errorf("unexpected: %s", f)
	}
}

func TestOneVersionOfADependencyEverywhere(t *testing.T) {
	made := newTree()
	for _, text := range []string{
		`{"Module":{"Path":"github.com/ferrule-dev/ferrule/pkg"},"Go":"1.26.0","Require":[
			{"Path":"example.com/a","Version":"v1.0.0"},{"Path":"github.com/ferrule-dev/ferrule/gen","Version":"v0.0.0"}]}`,
		`{"Module":{"Path":"github.com/ferrule-dev/ferrule/services/x"},"Go":"1.25.0","Require":[
			{"Path":"example.com/a","Version":"v1.2.0"},{"Path":"example.com/b","Version":"v1.0.0"}]}`,
	} {
		m, err := parseModule([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		made.modules = append(made.modules, m)
	}
	compare(t, check(made), []string{
		"services/x/go.mod: the go line is 1.25.0 here and 1.26.0 in pkg",
		"services/x/go.mod: example.com/a is v1.2.0 here and v1.0.0 in pkg",
	})
}

func TestExceptionsHaveReasons(t *testing.T) {
	for _, list := range []map[string]string{revealers, testRevealers, dialers, clocks, longFunctions} {
		for name, reason := range list {
			if len(strings.Fields(reason)) < 3 {
				t.Errorf("the exception for %s has no reason", name)
			}
		}
	}
}

func TestTheRepositoryItselfIsReadWhole(t *testing.T) {
	root, err := workspaceRoot()
	if err != nil {
		t.Skip("not inside the workspace: ", err)
	}
	read, err := load(root)
	if err != nil {
		t.Fatal(err)
	}
	clock := read.byPath[repository+"pkg/clock"]
	if clock == nil || len(clock.files) == 0 {
		t.Fatal("pkg/clock was not read")
	}
	for _, list := range []map[string]string{revealers, testRevealers, dialers, clocks} {
		for name := range list {
			if read.byPath[repository+name] == nil {
				t.Errorf("%s is gone, its exception in house.go is not", name)
			}
		}
	}
	if len(read.outside["net/http"]) == 0 {
		t.Error("the imports of net/http were not read")
	}
	if !slices.ContainsFunc(read.modules, func(m module) bool { return m.name == "pkg" && m.requires["go.etcd.io/bbolt"] != "" }) {
		t.Error("pkg/go.mod was not read")
	}
}

func TestAFileThatDoesNotParseIsAnError(t *testing.T) {
	made := newTree()
	if err := made.add(&pkg{path: "pkg/x"}, "pkg/x/a.go", []byte("package")); err == nil {
		t.Fatal("no error")
	}
}
