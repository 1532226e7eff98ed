package fetch

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/core"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// crawl is the reading of one document and those that it refers to.
type crawl struct {
	fetcher *Fetcher
	name    string // of the first document, if it is alone
	root    *url.URL
	found   []format.File   // by the paths of their URLs
	seen    map[string]bool // these paths, also of what is not there
	total   int
}

// add keeps a document that was found at a URL. One whose path is that of a
// directory gets a name, which changes nothing for references in it.
func (c *crawl) add(at *url.URL, content []byte) {
	path := at.Path
	if path == "" || strings.HasSuffix(path, "/") {
		path = strings.TrimSuffix(path, "/") + "/" + unnamed
	}
	where := shown(at)
	if len(where) > format.MaxURL {
		where = "" // nobody can be told
	}
	c.found = append(c.found, format.File{Path: path, Content: content, URL: where})
	c.total += len(content)
}

// follow reads what the files refer to, in the order of the references, and what
// that refers to.
func (c *crawl) follow(ctx context.Context) error {
	for i := 0; i < len(c.found); i++ {
		from := &url.URL{Scheme: c.root.Scheme, Host: c.root.Host, Path: c.found[i].Path}
		for _, reference := range c.fetcher.references(c.found[i]) {
			to, ok := c.target(from, reference)
			if !ok || c.seen[to.Path] {
				continue
			}
			c.seen[to.Path] = true
			if len(c.seen) > format.MaxFiles {
				return tooMuch(shown(c.root), format.MaxFiles, "documents")
			}
			if err := c.read(ctx, to); err != nil {
				return err
			}
			if c.total > core.MaxSourceBytes {
				return tooMuch(shown(c.root), core.MaxSourceBytes, "bytes")
			}
		}
	}
	return nil
}

// read adds a document, unless the server does not have it. What a redirect has
// led to another place is not there either.
func (c *crawl) read(ctx context.Context, from *url.URL) error {
	content, at, err := c.fetcher.get(ctx, from)
	switch {
	case err == nil && c.sameOrigin(at):
		c.add(from, content)
	case err != nil && !absent(err):
		return c.fetcher.failed(ctx, shown(from), err)
	}
	return nil
}

// target resolves a reference, and reports whether it leads to another document
// at the same place. A query would make two documents of one path.
func (c *crawl) target(from *url.URL, reference string) (*url.URL, bool) {
	ref, err := url.Parse(reference)
	if err != nil {
		return nil, false
	}
	to := from.ResolveReference(ref)
	to.Fragment = ""
	return to, c.sameOrigin(to) && to.User == nil && to.RawQuery == "" && to.Path != "" && !strings.HasSuffix(to.Path, "/")
}

func (c *crawl) sameOrigin(u *url.URL) bool {
	return u.Scheme == c.root.Scheme && strings.EqualFold(u.Host, c.root.Host)
}

// absent reports whether a server said that it does not have a document.
func absent(err error) bool {
	status := fault.From(err).Meta()["status"]
	return status == strconv.Itoa(http.StatusNotFound) || status == strconv.Itoa(http.StatusGone)
}

// files returns what was found under paths relative to the directory that holds
// everything, so that references between the files are right.
func (c *crawl) files() []format.File {
	if len(c.found) == 1 {
		return []format.File{{Path: c.name, Content: c.found[0].Content, URL: c.found[0].URL}}
	}
	directory := path.Dir(path.Clean("/" + c.found[0].Path))
	for _, f := range c.found {
		for directory != "/" && !strings.HasPrefix(f.Path, directory+"/") {
			directory = path.Dir(directory)
		}
	}
	files := make([]format.File, len(c.found))
	for i, f := range c.found {
		files[i] = format.File{
			Path: strings.TrimPrefix(path.Clean("/"+f.Path), strings.TrimSuffix(directory, "/")+"/"), Content: f.Content, URL: f.URL,
		}
	}
	return files
}

func tooMuch(shown string, limit int, of string) error {
	return fault.Invalid(fault.ReasonDocumentTooLarge,
		"the document at %q refers to more than %d %s; import the files, or a smaller description", shown, limit, of).
		With("url", shown).With("limit", strconv.Itoa(limit))
}
