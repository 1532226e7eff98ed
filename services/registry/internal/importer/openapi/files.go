package openapi

import (
	"net/url"
	"path"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// files are the documents that a description is made of. Those that nothing
// refers to are never parsed.
type files struct {
	main *file
	// source and findings are nil if there is one document and nothing else.
	source   *format.Source
	findings *format.Findings
	// byPath has nil for what cannot be read.
	byPath map[string]*file
	byRoot map[*document.Node]*file
}

// file is one of them.
type file struct {
	doc   *document.Document
	place *format.Place
	path  string
	// url is where it was fetched, nil if nobody says.
	url *url.URL
	// anchors are the schemas by "$id" and "$anchor"; nil until they are asked
	// for.
	anchors map[string]*document.Node
}

func newFiles(doc *document.Document, place *format.Place) *files {
	main := &file{doc: doc, place: place, path: doc.Path()}
	return &files{
		main: main, byPath: map[string]*file{main.path: main}, byRoot: map[*document.Node]*file{doc.Root(): main},
	}
}

// of returns the file that holds the node; the main one for nil.
func (f *files) of(n *document.Node) *file {
	if len(f.byRoot) == 1 || n == nil {
		return f.main
	}
	for n.Parent() != nil {
		n = n.Parent()
	}
	if found := f.byRoot[n]; found != nil {
		return found
	}
	return f.main
}

// open returns the file that a reference of another one names, or nil if it is
// not part of the source or cannot be parsed. Nothing outside the source is ever
// read.
func (f *files) open(from *file, ref string) *file {
	if f.source == nil {
		return nil
	}
	name := from.relative(f.source, ref)
	if found, ok := f.byPath[name]; ok || name == "" {
		return found
	}
	f.byPath[name] = nil
	doc, err := f.source.Document(name)
	if err != nil {
		return nil
	}
	opened := &file{doc: doc, place: f.findings.In(doc, format.SeveralFiles), path: name, url: addressOf(f.source, doc)}
	opened.place.Remarks()
	f.byPath[name], f.byRoot[doc.Root()] = opened, opened
	return opened
}

// relative returns the path of the file of src that a reference without its
// fragment names, or "" if it is not one of them: it is found by its URL, or else
// by its path relative to this file.
func (f *file) relative(src *format.Source, ref string) string {
	u, err := url.Parse(ref)
	if err == nil && f.url != nil {
		if found := src.FetchedFrom(f.url.ResolveReference(u).String()); found != "" {
			return found
		}
	}
	for _, name := range []string{ref, unescaped(ref), strings.ReplaceAll(ref, `\`, "/")} {
		if strings.Contains(name, "://") || strings.HasPrefix(name, "/") {
			continue
		}
		if name = path.Join(path.Dir(f.path), name); src.Has(name) {
			return name
		}
	}
	return ""
}

func unescaped(ref string) string {
	if plain, err := url.PathUnescape(ref); err == nil {
		return plain
	}
	return ref
}

// addressOf returns the URL of a document: what it says itself, or else where it
// was fetched. It is nil if nobody knows.
func addressOf(src *format.Source, doc *document.Document) *url.URL {
	for _, text := range []string{doc.Root().Str("$self"), src.URL(doc.Path())} {
		if u, err := url.Parse(text); err == nil && u.IsAbs() && u.Host != "" {
			return u
		}
	}
	return nil
}

// anchor returns the schema that calls itself so.
func (f *file) anchor(name string) *document.Node {
	if f.anchors == nil {
		f.anchors = map[string]*document.Node{}
		f.collect(f.doc.Root())
	}
	return f.anchors[name]
}

func (f *file) collect(n *document.Node) {
	for _, c := range n.Children() {
		if key := c.Key(); c.Is(document.String) && (key == "$id" || key == "$anchor" || key == "$dynamicAnchor") {
			if f.anchors[c.Text()] == nil {
				f.anchors[c.Text()] = n
			}
			continue
		}
		f.collect(c)
	}
}
