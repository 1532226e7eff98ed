package format

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

const (
	// MaxArchiveBytes is the greatest size of all files of an archive together,
	// unpacked: 64 MiB.
	MaxArchiveBytes = 64 << 20

	// localHeader starts the first entry of a ZIP archive, emptyEnd an archive
	// without entries.
	localHeader = "PK\x03\x04"
	emptyEnd    = "PK\x05\x06"
	// encryptedFlag marks entries that need a password (APPNOTE.TXT, section
	// 4.4.4), strongFlag those whose headers are encrypted as well.
	encryptedFlag, strongFlag = 1, 1 << 6
)

// IsArchive reports whether content is a ZIP archive.
func IsArchive(content []byte) bool {
	return bytes.HasPrefix(content, []byte(localHeader)) || bytes.HasPrefix(content, []byte(emptyEnd))
}

// Unpack returns the files of a ZIP archive with the given path, in the order of
// the archive. Directories and what file managers leave behind (__MACOSX,
// .DS_Store, Thumbs.db, desktop.ini) are left out, and so is a folder that holds
// everything else. Archives inside the archive stay as they are.
//
// Sizes are counted while reading; what headers say about them is not believed.
//
// Errors are ARCHIVE_INVALID for what is no sound archive or no sound way to pack
// a description: broken, encrypted, paths that are absolute, leave the archive or
// are there twice, links, another archive and nothing else; and
// DOCUMENT_TOO_LARGE for more than [MaxFiles] files, more than [MaxArchiveBytes]
// together or a file over document.MaxBytes.
func Unpack(name string, content []byte) ([]File, error) {
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, badArchive(name, "it is broken or cut off").Because(err)
	}
	u := unpacking{archive: name, seen: map[string]bool{}}
	for _, f := range archive.File {
		if err := u.add(f); err != nil {
			return nil, err
		}
	}
	return u.finish()
}

// unpacking is the work on one archive.
type unpacking struct {
	archive string
	files   []File
	// seen are the paths in lower case: file systems on which a path differs only
	// in case cannot hold both.
	seen  map[string]bool
	total int
}

func (u *unpacking) add(f *zip.File) error {
	// Windows writes its own separator, which no path of a description needs.
	name := strings.TrimPrefix(strings.ReplaceAll(f.Name, "\\", "/"), "./")
	mode := f.Mode()
	switch {
	case strings.HasSuffix(name, "/"), mode.IsDir():
		return u.checkPath(strings.TrimSuffix(name, "/"))
	case isJunk(name):
		return nil
	}
	if err := u.checkPath(name); err != nil {
		return err
	}
	switch {
	case mode&fs.ModeType != 0:
		return u.bad(name, "it is a link or a device")
	case f.Flags&(encryptedFlag|strongFlag) != 0:
		return u.bad(name, "it is encrypted")
	case u.seen[strings.ToLower(name)]:
		return u.bad(name, "it is there twice")
	case len(u.files) == MaxFiles:
		return fault.Invalid(fault.ReasonDocumentTooLarge,
			"%q holds more than %d files; pack only those of one description", u.archive, MaxFiles).
			With("path", u.archive).With("limit", strconv.Itoa(MaxFiles))
	}
	u.seen[strings.ToLower(name)] = true
	content, err := u.read(name, f)
	if err != nil {
		return err
	}
	u.files = append(u.files, File{Path: name, Content: content})
	return nil
}

// checkPath refuses paths that cannot be those of a source.
func (u *unpacking) checkPath(name string) error {
	switch {
	case name == "":
		return nil
	case !utf8.ValidString(name):
		return u.bad(strings.ToValidUTF8(name, "?"), "its name is not UTF-8")
	case len(name) > MaxPath:
		return u.bad(name[:32], "its path is longer than "+strconv.Itoa(MaxPath)+" bytes")
	case path.IsAbs(name), len(name) > 1 && name[1] == ':':
		return u.bad(name, "its path is absolute")
	case name == "..", strings.HasPrefix(name, "../"), strings.HasSuffix(name, "/.."), strings.Contains(name, "/../"):
		return u.bad(name, "its path leaves the archive")
	case path.Clean(name) != name, strings.ContainsRune(name, 0):
		return u.bad(name, "its path is not written plainly")
	}
	return nil
}

// isJunk reports whether a file was left by a file manager.
func isJunk(name string) bool {
	switch strings.ToLower(path.Base(name)) {
	case ".ds_store", "thumbs.db", "desktop.ini":
		return true
	}
	return strings.HasPrefix(name, "__MACOSX/") || strings.Contains(name, "/__MACOSX/")
}

// read unpacks one file. It stops at the limits, whatever the headers promise.
func (u *unpacking) read(name string, f *zip.File) (content []byte, err error) {
	in, err := f.Open()
	if err != nil {
		return nil, u.bad(name, "it is packed in a way that cannot be read").Because(err)
	}
	limit := min(document.MaxBytes, MaxArchiveBytes-u.total)
	content, err = io.ReadAll(io.LimitReader(in, int64(limit)+1))
	if closeErr := in.Close(); err == nil {
		err = closeErr
	}
	if len(content) > limit {
		return nil, fault.Invalid(fault.ReasonDocumentTooLarge,
			"the files of %q have more than %d bytes together; pack only those of one description", u.archive, MaxArchiveBytes).
			With("path", u.archive).With("limit", strconv.Itoa(MaxArchiveBytes))
	}
	if err != nil {
		return nil, u.bad(name, brokenBecause(err)).Because(err)
	}
	u.total += len(content)
	return content, nil
}

func brokenBecause(err error) string {
	_, corrupt := errors.AsType[flate.CorruptInputError](err)
	switch {
	case errors.Is(err, zip.ErrChecksum):
		return "its checksum is wrong"
	case corrupt, errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, zip.ErrFormat):
		return "it is broken or cut off"
	}
	return "it cannot be read"
}

// finish takes away a folder that holds everything.
func (u *unpacking) finish() ([]File, error) {
	if len(u.files) == 0 {
		return nil, badArchive(u.archive, "it holds no files")
	}
	if len(u.files) == 1 && IsArchive(u.files[0].Content) {
		return nil, badArchive(u.archive, fmt.Sprintf("it holds nothing but another archive, %q; send that one", u.files[0].Path))
	}
	for {
		top, _, found := strings.Cut(u.files[0].Path, "/")
		if !found {
			return u.files, nil
		}
		for _, f := range u.files {
			if !strings.HasPrefix(f.Path, top+"/") {
				return u.files, nil
			}
		}
		for i := range u.files {
			u.files[i].Path = u.files[i].Path[len(top)+1:]
		}
	}
}

func (u *unpacking) bad(name, why string) *fault.Error {
	return badArchive(u.archive, fmt.Sprintf("the file %q cannot be used: %s", name, why)).With("file", name)
}

func badArchive(archive, why string) *fault.Error {
	return fault.Invalid(fault.ReasonArchiveInvalid, "the archive %q cannot be unpacked: %s", archive, why).
		With("path", archive)
}
