package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
)

// fullRevision is the length of a revision's id.
const fullRevision = 32

// revisionNamed returns the resource name of CONNECTOR or CONNECTOR@REVISION:
// the published revision, or the latest if none is published; after "@" it is
// "published", "latest" or the beginning of a revision's id.
func (a *app) revisionNamed(ctx context.Context, client *rest.Client, arg string) (string, error) {
	if strings.Contains(arg, "/revisions/") {
		return arg, nil
	}
	connector, revision, chosen := strings.Cut(arg, "@")
	if !chosen {
		return a.currentRevision(ctx, client, connector)
	}
	name := a.resource("connectors", connector) + "/revisions/"
	if revision == "published" || revision == "latest" || len(revision) == fullRevision {
		return name + revision, nil
	}
	found, err := a.revisionsWith(ctx, client, connector, revision)
	if err != nil {
		return "", err
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return "", usage("%d revisions of %q begin with %q; write more of the id", len(found), connector, revision)
	}
	return "", fault.NotFound(fault.ReasonRevisionNotFound,
		"connector %q has no revision %q; `ferrule revisions %s` lists them", connector, revision, connector)
}

// exactRevision returns the resource name of a revision of a connector, given by its
// name, its id or the beginning of that, or by "latest" or "published" for what they
// stand for now; "" for none.
func (a *app) exactRevision(ctx context.Context, client *rest.Client, connector, revision string) (string, error) {
	if revision == "" || strings.Contains(revision, "/") {
		return revision, nil
	}
	if revision != "latest" && revision != "published" {
		return a.revisionNamed(ctx, client, strings.TrimPrefix(connector, a.parent()+"/connectors/")+"@"+revision)
	}
	var c registryv1.Connector
	if err := client.Call(ctx, http.MethodGet, rest.Path(connector), nil, nil, &c); err != nil {
		return "", err
	}
	if revision == "latest" || c.GetPublishedRevision() == "" {
		return c.GetLatestRevision(), nil
	}
	return c.GetPublishedRevision(), nil
}

// revisionsWith returns the revisions of a connector whose ids begin with some
// digits.
func (a *app) revisionsWith(ctx context.Context, client *rest.Client, connector, digits string) ([]string, error) {
	var found []string
	path := rest.Path(a.resource("connectors", connector), "revisions")
	err := everyPage(func(token string) (string, error) {
		var res registryv1.ListRevisionsResponse
		query := url.Values{"page_token": {token}, "page_size": {"1000"}}
		if err := client.Call(ctx, http.MethodGet, path, query, nil, &res); err != nil {
			return "", err
		}
		for _, r := range res.GetRevisions() {
			if digits != "" && strings.HasPrefix(id(r.GetName()), digits) {
				found = append(found, r.GetName())
			}
		}
		return res.GetNextPageToken(), nil
	})
	return found, err
}

// read reads the description at a path for a person, who is told if it needs more
// than its directory has.
func (a *app) read(path string, with ...string) (*registryv1.SourceFiles, error) {
	files, err := sources.Read(path, with...)
	if err != nil {
		return nil, err
	}
	if hint := hintAbove(path, files); hint != "" {
		a.progress("%s", hint)
	}
	return files, nil
}

// hintAbove is what to do if a document refers to files above its directory,
// which do not come along; "" if it does not.
func hintAbove(path string, files *registryv1.SourceFiles) string {
	if isDir(path) {
		return ""
	}
	ref := sources.Above(files)
	if ref == "" {
		return ""
	}
	return fmt.Sprintf("%s refers to %q, above its directory; name the directory that holds both instead", path, ref)
}

// exists reports whether there is a file or directory.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// isDir reports whether there is a directory.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
