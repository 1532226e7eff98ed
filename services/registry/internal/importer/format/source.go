package format

import (
	"cmp"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of a source.
const (
	// MaxFiles is the greatest number of files.
	MaxFiles = 4096
	// MaxTotalBytes is the greatest size of all files together: 128 MiB. A single
	// file has document.MaxBytes.
	MaxTotalBytes = 128 << 20
	// MaxPath is the greatest length of a file's path in bytes.
	MaxPath = 512
	// MaxURL is the greatest length of a file's URL in bytes.
	MaxURL = 2048
)

// File is one file of an API description.
type File struct {
	// Path is relative to the description's directory, with "/" between its
	// parts.
	Path string
	// Content is the exact bytes. They are never changed.
	Content []byte
	// URL is where it was fetched, after redirects; empty if it was sent.
	// References between documents and relative server URLs are resolved
	// against it.
	URL string
}

// Source is the files of one API description. Documents are parsed when they
// are first asked for and kept. A source is for one goroutine.
type Source struct {
	files  []File
	parsed map[string]parsed
}

type parsed struct {
	doc *document.Document
	err error
}

// NewSource checks the files against the limits and sorts them by path. A single
// file that is a ZIP archive stands for the files in it: see [Unpack]. Its errors
// are those of Unpack and faults: DOCUMENT_TOO_LARGE for what is too large or too much,
// INVALID_ARGUMENT for paths that are empty, too long, absolute, repeated or
// that leave the directory. It keeps the contents, not the slice.
func NewSource(files []File) (*Source, error) {
	if len(files) == 1 && IsArchive(files[0].Content) {
		unpacked, err := Unpack(files[0].Path, files[0].Content)
		if err != nil {
			return nil, err
		}
		files = unpacked
	}
	if len(files) == 0 {
		return nil, fault.Invalid(fault.ReasonInvalidArgument,
			"there are no files; send at least one").Field("files", "must not be empty")
	}
	if len(files) > MaxFiles {
		return nil, fault.Invalid(fault.ReasonDocumentTooLarge,
			"there are %d files and at most %d are accepted; send only those of one description", len(files), MaxFiles).
			With("limit", strconv.Itoa(MaxFiles))
	}
	sorted := slices.SortedFunc(slices.Values(files), func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	total := 0
	for i, f := range sorted {
		if err := checkPath(f.Path); err != nil {
			return nil, err
		}
		if i > 0 && sorted[i-1].Path == f.Path {
			return nil, badPath(f.Path, "it is there twice")
		}
		if len(f.Content) > document.MaxBytes {
			return nil, fault.Invalid(fault.ReasonDocumentTooLarge,
				"%q has more than %d bytes; split the description or leave out what is not needed", f.Path, document.MaxBytes).
				With("path", f.Path).With("limit", strconv.Itoa(document.MaxBytes))
		}
		total += len(f.Content)
	}
	if total > MaxTotalBytes {
		return nil, fault.Invalid(fault.ReasonDocumentTooLarge,
			"the files have more than %d bytes together; send only those of one description", MaxTotalBytes).
			With("limit", strconv.Itoa(MaxTotalBytes))
	}
	return &Source{files: sorted, parsed: map[string]parsed{}}, nil
}

func checkPath(p string) error {
	switch {
	case p == "":
		return badPath(p, "it is empty")
	case len(p) > MaxPath:
		return badPath(p[:32], "it is longer than "+strconv.Itoa(MaxPath)+" bytes")
	case strings.ContainsAny(p, "\\\x00"):
		return badPath(p, "only \"/\" separates its parts")
	case path.IsAbs(p), path.Clean(p) != p, p == "..", strings.HasPrefix(p, "../"):
		return badPath(p, "it must be relative and stay inside the description's directory")
	}
	return nil
}

func badPath(p, why string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "the path %q cannot be used: %s", p, why).
		Field("files.path", why)
}

// Files returns the files in the order of their paths. The slice belongs to the
// source.
func (s *Source) Files() []File { return s.files }

// Bytes returns the size of all files together.
func (s *Source) Bytes() int64 {
	var total int64
	for _, f := range s.files {
		total += int64(len(f.Content))
	}
	return total
}

// Named returns the paths of the files with this name in any directory, ignoring
// case, in order.
func (s *Source) Named(name string) []string {
	var found []string
	for _, f := range s.files {
		if strings.EqualFold(path.Base(f.Path), name) {
			found = append(found, f.Path)
		}
	}
	return found
}

// Candidates returns the paths of the files that may be documents, in order:
// the only file whatever it is called, or else those that are called JSON or
// YAML. Icons, code and prose beside them are not worth parsing.
func (s *Source) Candidates() []string {
	var found []string
	for _, f := range s.files {
		switch strings.ToLower(path.Ext(f.Path)) {
		case ".json", ".yaml", ".yml":
			found = append(found, f.Path)
		default:
			if len(s.files) == 1 {
				found = append(found, f.Path)
			}
		}
	}
	return found
}

// Has reports whether there is a file with this path.
func (s *Source) Has(name string) bool {
	_, found := s.index(name)
	return found
}

// URL returns where the file with this path was fetched; "" if it was sent or
// does not exist.
func (s *Source) URL(name string) string {
	i, found := s.index(name)
	if !found {
		return ""
	}
	return s.files[i].URL
}

// FetchedFrom returns the path of the file that was fetched from an absolute URL
// without a fragment, or "".
func (s *Source) FetchedFrom(url string) string {
	for _, f := range s.files {
		if f.URL == url && url != "" {
			return f.Path
		}
	}
	return ""
}

func (s *Source) index(name string) (at int, found bool) {
	return slices.BinarySearchFunc(s.files, name, func(f File, name string) int { return cmp.Compare(f.Path, name) })
}

// Document parses the file with this path, or returns what came of it before.
func (s *Source) Document(name string) (*document.Document, error) {
	if p, ok := s.parsed[name]; ok {
		return p.doc, p.err
	}
	var p parsed
	i, found := s.index(name)
	if !found {
		p.err = fault.Invalid(fault.ReasonDocumentInvalid, "the file %q is missing; add it", name).With("path", name)
	} else {
		p.doc, p.err = document.Parse(name, s.files[i].Content)
	}
	s.parsed[name] = p
	return p.doc, p.err
}
