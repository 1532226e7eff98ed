// Package corpus imports a folder of connector packages and says how long that
// takes.
package corpus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
)

// DefinitionFile is in every connector package.
const DefinitionFile = "apiDefinition.swagger.json"

// Importer imports one package, whose directory is name below the folder. An
// error that is a fault says that the package was refused.
type Importer func(ctx context.Context, name string, files *registryv1.SourceFiles) error

// Outcome is what importing a folder took.
type Outcome struct {
	// Imported and Refused count the packages.
	Imported int `json:"imported"`
	Refused  int `json:"refused"`
	// Bytes is the size of all their files.
	Bytes int64 `json:"bytes"`
	// Elapsed is the time for all of them, one after another, without reading
	// their files, in nanoseconds.
	Elapsed time.Duration `json:"elapsed_ns"`
	// Slowest is the package that took longest, and SlowestTime how long, in
	// nanoseconds.
	Slowest     string        `json:"slowest"`
	SlowestTime time.Duration `json:"slowest_ns"`
	// PeakMemory is the most memory that the importing process ever had resident,
	// in bytes; 0 if the system does not tell.
	PeakMemory int64 `json:"peak_memory_bytes"`
}

// PerSecond returns the rate of packages, refused ones included.
func (o Outcome) PerSecond() float64 {
	if o.Elapsed <= 0 {
		return 0
	}
	return float64(o.Imported+o.Refused) / o.Elapsed.Seconds()
}

// Packages returns the directories of all packages below folder, in order,
// relative to it. A folder that does not exist is [fs.ErrNotExist].
func Packages(folder string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != DefinitionFile {
			return err
		}
		name, err := filepath.Rel(folder, filepath.Dir(path))
		found = append(found, name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for packages: %w", err)
	}
	slices.Sort(found)
	return found, nil
}

// Import imports packages of folder one after another. It stops at an error that
// is no fault.
func Import(ctx context.Context, c clock.Clock, folder string, packages []string, do Importer) (Outcome, error) {
	var o Outcome
	for _, name := range packages {
		files, err := sources.Read(filepath.Join(folder, name))
		if isRefusal(err) {
			o.Refused++
			continue
		}
		if err != nil {
			return o, fmt.Errorf("import %s: %w", name, err)
		}
		for _, f := range files.GetFiles() {
			o.Bytes += int64(len(f.GetContent()))
		}
		begin := c.Now()
		err = do(ctx, name, files)
		o.note(name, c.Now().Sub(begin))
		switch {
		case err == nil:
			o.Imported++
		case isRefusal(err) && ctx.Err() == nil:
			o.Refused++
		default:
			return o, fmt.Errorf("import %s: %w", name, err)
		}
	}
	return o, nil
}

// isRefusal tells what is wrong with a package from what is wrong with us.
func isRefusal(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && f.Code() == fault.CodeInvalidArgument
}

func (o *Outcome) note(name string, took time.Duration) {
	o.Elapsed += took
	if took > o.SlowestTime {
		o.Slowest, o.SlowestTime = name, took
	}
}
