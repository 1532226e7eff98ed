package format_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// entry is a file of an archive.
type entry struct {
	name, content string
	mode          fs.FileMode
}

func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		h.SetMode(0o644 | e.mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(e.name, "/") {
			if _, err := f.Write([]byte(e.content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// bomb is an archive of files with so many MiB of zeros, made without packing
// them: the packed form of one MiB, over and over again.
func bomb(t testing.TB, sizes ...int) []byte {
	t.Helper()
	var piece, b bytes.Buffer
	packer, err := flate.NewWriter(&piece, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 1<<20)
	if _, err := packer.Write(zeros); err != nil {
		t.Fatal(err)
	}
	if err := packer.Flush(); err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(&b)
	for i, size := range sizes {
		packed := append(bytes.Repeat(piece.Bytes(), size), 0x01, 0x00, 0x00, 0xff, 0xff) // an empty last block
		sum := crc32.NewIEEE()
		for range size {
			_, _ = sum.Write(zeros)
		}
		f, err := w.CreateRaw(&zip.FileHeader{
			Name: fmt.Sprintf("f%d", i), Method: zip.Deflate, CRC32: sum.Sum32(),
			CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(size) << 20,
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(packed); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAnArchiveStandsForTheFilesInIt(t *testing.T) {
	for _, row := range []struct {
		name    string
		entries []entry
		want    []string
	}{
		{"files", []entry{{name: "a.json", content: "1"}, {name: "b/c.json", content: "2"}}, []string{"a.json=1", "b/c.json=2"}},
		{"a folder around everything", []entry{{name: "My API/"}, {name: "My API/a.json", content: "1"}, {name: "My API/b/c.json", content: "2"}}, []string{"a.json=1", "b/c.json=2"}},
		{"a folder in a folder", []entry{{name: "x/y/a.json", content: "1"}, {name: "x/y/b.json", content: "2"}}, []string{"a.json=1", "b.json=2"}},
		{"a folder beside a file", []entry{{name: "x/a.json", content: "1"}, {name: "xy", content: "2"}}, []string{"x/a.json=1", "xy=2"}},
		{"what file managers leave behind", []entry{{name: "x/a.json", content: "1"}, {name: "__MACOSX/x/._a.json", content: "2"}, {name: "x/.DS_Store", content: "3"}, {name: "Thumbs.db"}}, []string{"a.json=1"}},
		{"the separator of Windows", []entry{{name: `x\a.json`, content: "1"}, {name: `x\y\b.json`, content: "2"}}, []string{"a.json=1", "y/b.json=2"}},
		{"paths that start here", []entry{{name: "./a.json", content: "1"}, {name: "./b/c.json", content: "2"}}, []string{"a.json=1", "b/c.json=2"}},
		{"an archive among other files stays packed", []entry{{name: "a.json", content: "1"}, {name: "b.zip", content: "PK\x03\x04"}}, []string{"a.json=1", "b.zip=PK\x03\x04"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			src := source(t, format.File{Path: "package.zip", Content: archive(t, row.entries...)})
			var got []string
			for _, f := range src.Files() {
				got = append(got, f.Path+"="+string(f.Content))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnArchiveBesideAnotherFileIsNotUnpacked(t *testing.T) {
	if n := len(source(t, file("a.json", "{}"), format.File{Path: "b.zip", Content: archive(t, entry{name: "c"})}).Files()); n != 2 {
		t.Errorf("%d files", n)
	}
}

func TestArchivesThatAreRefused(t *testing.T) {
	good := archive(t, entry{name: "a.json", content: strings.Repeat("hello, world ", 100)})
	inner := string(good)
	many := make([]entry, format.MaxFiles+1)
	for i := range many {
		many[i].name = fmt.Sprintf("f%d", i)
	}
	for _, row := range []struct {
		name    string
		content []byte
		reason  fault.Reason
		says    string
	}{
		{"nothing in it", archive(t), fault.ReasonArchiveInvalid, "no files"},
		{"only folders", archive(t, entry{name: "a/"}), fault.ReasonArchiveInvalid, "no files"},
		{"cut off", good[:len(good)/2], fault.ReasonArchiveInvalid, "broken or cut off"},
		{"a header and nothing else", []byte("PK\x03\x04"), fault.ReasonArchiveInvalid, "broken or cut off"},
		{"another archive and nothing else", archive(t, entry{name: "x/inner.zip", content: inner}), fault.ReasonArchiveInvalid, "another archive"},
		{"a path out of the archive", archive(t, entry{name: "../a", content: "1"}), fault.ReasonArchiveInvalid, "leaves the archive"},
		{"a path out of the archive from further in", archive(t, entry{name: "a/../../b", content: "1"}), fault.ReasonArchiveInvalid, "leaves the archive"},
		{"the same with the separator of Windows", archive(t, entry{name: `a\..\..\b`, content: "1"}), fault.ReasonArchiveInvalid, "leaves the archive"},
		{"a folder out of the archive", archive(t, entry{name: "../"}, entry{name: "a", content: "1"}), fault.ReasonArchiveInvalid, "leaves the archive"},
		{"an absolute path", archive(t, entry{name: "/etc/passwd", content: "1"}), fault.ReasonArchiveInvalid, "absolute"},
		{"a drive", archive(t, entry{name: `C:\a`, content: "1"}), fault.ReasonArchiveInvalid, "absolute"},
		{"a path that goes round", archive(t, entry{name: "a//b", content: "1"}), fault.ReasonArchiveInvalid, "plainly"},
		{"a long path", archive(t, entry{name: strings.Repeat("x", format.MaxPath+1), content: "1"}), fault.ReasonArchiveInvalid, "longer than"},
		{"a name that is not UTF-8", archive(t, entry{name: "a\xff", content: "1"}), fault.ReasonArchiveInvalid, "UTF-8"},
		{"a link", archive(t, entry{name: "a", content: "/etc/passwd", mode: fs.ModeSymlink}), fault.ReasonArchiveInvalid, "a link"},
		{"the same path twice", archive(t, entry{name: "a", content: "1"}, entry{name: "a", content: "2"}), fault.ReasonArchiveInvalid, "twice"},
		{"paths that differ in case", archive(t, entry{name: "a", content: "1"}, entry{name: "A", content: "2"}), fault.ReasonArchiveInvalid, "twice"},
		{"a password", encrypted(good), fault.ReasonArchiveInvalid, "encrypted"},
		{"a wrong checksum", replaced(good, func(header []byte) { header[16]++ }), fault.ReasonArchiveInvalid, "checksum"},
		{"an unknown way of packing", replaced(good, func(header []byte) { header[10] = 99 }), fault.ReasonArchiveInvalid, "cannot be read"},
		{"too many files", archive(t, many...), fault.ReasonDocumentTooLarge, "files"},
		{"a bomb", bomb(t, 65), fault.ReasonDocumentTooLarge, "bytes together"},
		{"many small bombs", bomb(t, 40, 25), fault.ReasonDocumentTooLarge, "bytes together"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := format.NewSource([]format.File{{Path: "p.zip", Content: row.content}})
			if fault.ReasonOf(err) != row.reason || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v, want %s and %q", err, row.reason, row.says)
			}
		})
	}
}

// TestHeadersThatLieAboutSizesAreNotBelieved changes the uncompressed size in the
// directory of an archive to almost nothing.
func TestHeadersThatLieAboutSizesAreNotBelieved(t *testing.T) {
	lying := replaced(bomb(t, format.MaxArchiveBytes>>20+1), func(header []byte) { binary.LittleEndian.PutUint32(header[24:], 10) })
	files, err := format.Unpack("p.zip", lying)
	if fault.CodeOf(err) != fault.CodeInvalidArgument {
		t.Fatalf("%d files were unpacked", len(files))
	}
}

// replaced changes the first entry of the archive's directory (APPNOTE.TXT,
// section 4.3.12).
func replaced(content []byte, change func(header []byte)) []byte {
	changed := bytes.Clone(content)
	change(changed[bytes.Index(changed, []byte("PK\x01\x02")):])
	return changed
}

func encrypted(content []byte) []byte {
	return replaced(content, func(header []byte) { header[8] |= 1 })
}

func FuzzUnpack(f *testing.F) {
	f.Add(archive(f, entry{name: "a/b.json", content: "{}"}, entry{name: "c"}))
	f.Add(archive(f, entry{name: "../a", content: "x"}))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, content []byte) {
		files, err := format.Unpack("p.zip", content)
		if err != nil {
			if fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("the error is no refusal: %v", err)
			}
			return
		}
		if _, err := format.NewSource(append(files, format.File{Path: "another"})); err != nil && fault.ReasonOf(err) != fault.ReasonInvalidArgument {
			t.Fatalf("the files are no source: %v", err)
		}
	})
}
