// Package config fills command line flags from the environment.
//
// Every flag of every program of the suite, but for those with the annotation
// [OnlyFlag], can also be set by a variable: the flag's name in upper case with
// underscores, after the prefix FERRULE_. The command line wins. So that secrets
// need not stand in an environment, a variable with the suffix _FILE names a file
// whose first line is the value:
//
//	--nats-url nats://nats:4222
//	FERRULE_NATS_URL=nats://nats:4222
//	FERRULE_NATS_URL_FILE=/run/secrets/nats-url
package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
)

// Prefix starts the name of every variable.
const Prefix = "FERRULE_"

// OnlyFlag is the annotation of a flag that has no variable, because its name stands
// for something else in another command of the same program.
const OnlyFlag = "ferrule-only-flag"

// maxFile bounds what is read from a file named by a _FILE variable.
const maxFile = 64 << 10

// Lookup returns the value of an environment variable and whether it is set;
// [os.LookupEnv] is one.
type Lookup func(name string) (string, bool)

// Apply sets every flag that the command line did not set and that has a
// variable. It reports all faults together: values that a flag does not accept,
// files that cannot be read, and a variable given both ways.
func Apply(flags *pflag.FlagSet, lookup Lookup) error {
	var faults []error
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || isOnlyFlag(f) {
			return
		}
		name := Variable(f.Name)
		value, found, err := read(name, lookup)
		if err == nil && found {
			err = flags.Set(f.Name, value)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	})
	return errors.Join(faults...)
}

// Variable returns the name of the variable of a flag.
func Variable(flag string) string {
	return Prefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Document appends the name of its variable to the usage text of every flag, so
// that --help teaches both ways.
func Document(flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || isOnlyFlag(f) {
			return
		}
		f.Usage += " [" + Variable(f.Name) + "]"
	})
}

func isOnlyFlag(f *pflag.Flag) bool {
	_, is := f.Annotations[OnlyFlag]
	return is
}

func read(name string, lookup Lookup) (value string, found bool, err error) {
	value, direct := lookup(name)
	path, byFile := lookup(name + "_FILE")
	switch {
	case direct && byFile:
		return "", false, fmt.Errorf("is set both directly and by %s_FILE: remove one", name)
	case direct:
		return value, true, nil
	case byFile:
		value, err = firstLine(path)
		return value, err == nil, err
	}
	return "", false, nil
}

func firstLine(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxFile {
		return "", fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return strings.TrimRight(line, "\r"), nil
}
