// Command importbench reads API descriptions with libraries that are not ours, so
// that the time and the memory of an import can be compared with theirs:
//
//	importbench kin-openapi < list-of-files
//
// It reads the names of files from its standard input, one on each line, parses
// each with the library, and prints one [outcome] as JSON. A file that the library
// refuses is counted and is no error.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"time"
)

// outcome is what reading all files took.
type outcome struct {
	// Library is the module of the library, Version the one that was built.
	Library string `json:"library"`
	Version string `json:"version"`
	// Read and Refused count the files; FirstRefusal is what the library said.
	Read         int    `json:"read"`
	Refused      int    `json:"refused"`
	FirstRefusal string `json:"first_refusal,omitempty"`
	// Bytes is their size.
	Bytes int64 `json:"bytes"`
	// Elapsed is the time for all of them, one after another, without reading
	// them from disk.
	Elapsed time.Duration `json:"elapsed_ns"`
	// PeakMemory is the most memory that the process ever had resident.
	PeakMemory int64 `json:"peak_memory_bytes"`
}

func main() {
	if len(os.Args) != 2 || parsers[os.Args[1]].parse == nil {
		fmt.Fprintln(os.Stderr, "usage: importbench kin-openapi|go-openapi|libopenapi < list-of-files")
		os.Exit(2)
	}
	if err := run(parsers[os.Args[1]], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "importbench:", err)
		os.Exit(1)
	}
}

// run reads all files and prints the outcome.
func run(p parser, list io.Reader, out io.Writer) error {
	o := outcome{Library: p.module, Version: version(p.module)}
	for lines := bufio.NewScanner(list); lines.Scan(); {
		text, err := os.ReadFile(lines.Text())
		if err != nil {
			return err
		}
		o.Bytes += int64(len(text))
		begin := time.Now()
		err = p.read(text)
		o.Elapsed += time.Since(begin)
		if err == nil {
			o.Read++
			continue
		}
		o.Refused++
		if o.FirstRefusal == "" {
			o.FirstRefusal = fmt.Sprintf("%s: %.200s", lines.Text(), err)
		}
	}
	o.PeakMemory = peakMemory()
	return json.NewEncoder(out).Encode(o)
}

// version returns the version of a module that this program was built with.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return ""
}

// peakMemory returns VmHWM of proc(5) in bytes, 0 where there is none.
func peakMemory() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if text, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kib, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(text), []byte("kB")))), 10, 64)
			return kib << 10
		}
	}
	return 0
}
