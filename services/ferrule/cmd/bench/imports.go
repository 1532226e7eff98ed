package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/catalogue"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/corpus"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/graph"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/reading"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/safe"
)

// The goals of imports and of the catalogue.
const (
	packagesTime  = 4 * time.Second
	githubTime    = 1500 * time.Millisecond
	githubMemory  = 300 << 20
	graphTime     = 10 * time.Second
	graphMemory   = 1 << 30
	catalogueGoal = 2
)

// fewConnectors is the size of the small catalogue.
const fewConnectors = 1000

// oneProcessor makes a Go program use one processor, so that what is compared
// cannot differ by how well it uses several.
const oneProcessor = "GOMAXPROCS=1"

// imports measures everything about descriptions: the folder of packages, if
// there is one, and large ones.
func (r *run) imports(ctx context.Context, result *report.Report) error {
	packages, err := corpus.Packages(r.packages)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.say("there is no folder %s: the import of packages is left out", r.packages)
	case err != nil:
		return err
	default:
		if err := r.packagesOf(ctx, packages, result); err != nil {
			return err
		}
	}
	if err := r.githubOf(ctx, result); err != nil {
		return err
	}
	return r.graphOf(ctx, result)
}

// packagesOf reads and imports the folder of packages.
func (r *run) packagesOf(ctx context.Context, packages []string, result *report.Report) error {
	r.say("validating %d packages", len(packages))
	result.Translate = &corpus.Outcome{}
	if err := r.ask(ctx, roleTranslate, task{Folder: r.packages}, result.Translate, oneProcessor); err != nil {
		return err
	}
	o := result.Translate
	table := reading.Table{
		Name: fmt.Sprintf("%d packages on one processor, certification rules included", len(packages)), Time: packagesTime,
		Readers: []reading.Outcome{{
			Library: "ferrule", Read: o.Imported, Refused: o.Refused, Bytes: o.Bytes, Elapsed: o.Elapsed, PeakMemory: o.PeakMemory,
		}},
	}
	files := make([]string, len(packages))
	for n, name := range packages {
		files[n] = filepath.Join(r.packages, name, corpus.DefinitionFile)
	}
	if err := r.compare(ctx, &table, files); err != nil {
		return err
	}
	result.Readings = append(result.Readings, table)
	r.say("importing %d packages over REST", len(packages))
	outcome, err := r.importAll(ctx, packages)
	result.Import = &outcome
	return err
}

// githubOf reads the description of GitHub's API, if it is there.
func (r *run) githubOf(ctx context.Context, result *report.Report) error {
	if r.github == "" {
		r.say("there is no description of GitHub's API: it is left out")
		return nil
	}
	table := reading.Table{Name: "GitHub's API", Time: githubTime, Memory: githubMemory}
	if err := r.read(ctx, &table, r.github); err != nil {
		return err
	}
	if err := r.compare(ctx, &table, []string{r.github}); err != nil {
		return err
	}
	result.Readings = append(result.Readings, table)
	return nil
}

// graphOf reads a description that is as large as that of Microsoft Graph.
func (r *run) graphOf(ctx context.Context, result *report.Report) error {
	dir, err := os.MkdirTemp("", "ferrule-bench-")
	if err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}
	r.dirs = append(r.dirs, dir)
	path := filepath.Join(dir, "graph.yaml")
	file, err := os.Create(path) // #nosec G304 -- made above
	if err != nil {
		return fmt.Errorf("make a description: %w", err)
	}
	if err := errors.Join(graph.Write(file, graph.Operations), file.Close()); err != nil {
		return err
	}
	table := reading.Table{Name: "a generated description like that of Microsoft Graph", Time: graphTime, Memory: graphMemory}
	if err := r.read(ctx, &table, path); err != nil {
		return err
	}
	result.Readings = append(result.Readings, table)
	return nil
}

// read reads one description in a process of its own.
func (r *run) read(ctx context.Context, table *reading.Table, path string) error {
	r.say("reading %s", table.Name)
	var o reading.Outcome
	if err := r.ask(ctx, roleRead, task{Files: []string{path}}, &o, oneProcessor); err != nil {
		return err
	}
	table.Name = fmt.Sprintf("%s (%.1f MB, %d operations) on one processor", table.Name, float64(o.Bytes)/1e6, o.Operations)
	table.Readers = append(table.Readers, o)
	return nil
}

// compare adds what other libraries need for the same files.
func (r *run) compare(ctx context.Context, table *reading.Table, files []string) error {
	if !r.exists(r.libraries) {
		return nil
	}
	for _, library := range reading.Libraries() {
		r.say("the same with %s", library)
		o, err := reading.Library(ctx, r.libraries, library, files, []string{oneProcessor}, r.progress)
		if err != nil {
			return err
		}
		if o.Read == 0 {
			r.say("%s reads none of it: %s", library, o.FirstRefusal)
			continue
		}
		table.Readers = append(table.Readers, o)
	}
	return nil
}

// search measures a small and a large catalogue.
func (r *run) search(ctx context.Context, result *report.Report) error {
	if !r.exists(r.catalogue) {
		return nil
	}
	c := catalogue.Comparison{Goal: catalogueGoal}
	for _, part := range []struct {
		connectors int
		outcome    *catalogue.Outcome
	}{{fewConnectors, &c.Small}, {r.connectors, &c.Large}} {
		r.say("listing and searching %d connectors", part.connectors)
		o, err := catalogue.Measure(ctx, r.catalogue, part.connectors, r.progress)
		if err != nil {
			return err
		}
		*part.outcome = o
	}
	result.Catalogue = &c
	return nil
}

// fillVaults measures a small and a large vault.
func (r *run) fillVaults(ctx context.Context, result *report.Report) error {
	if !r.exists(r.vault) {
		return nil
	}
	r.say("filling vaults of up to %d connections", r.secrets)
	o, err := safe.Measure(ctx, r.vault, r.secrets, r.progress)
	if err != nil {
		return err
	}
	result.Vault = &o
	return nil
}

// exists says whether a program is there, and that what it measures is left out
// if not.
func (r *run) exists(program string) bool {
	if _, err := os.Stat(program); err != nil {
		r.say("there is no program %s: what it measures is left out", program)
		return false
	}
	return true
}
