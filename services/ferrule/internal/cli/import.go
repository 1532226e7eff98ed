package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// importFlags are the flags of import.
type importFlags struct {
	id            string
	format        string
	with          []string
	only, except  []string
	publish       bool
	allowBreaking bool
	dryRun        bool
}

// sourceFormats are the names of formats on the command line.
var sourceFormats = map[string]registryv1.SourceFormat{
	"":              registryv1.SourceFormat_SOURCE_FORMAT_UNSPECIFIED,
	"openapi2":      registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI2,
	"openapi3":      registryv1.SourceFormat_SOURCE_FORMAT_OPENAPI3,
	"powerplatform": registryv1.SourceFormat_SOURCE_FORMAT_CONNECTOR_PACKAGE,
	"postman":       registryv1.SourceFormat_SOURCE_FORMAT_POSTMAN,
	"ferrule":       registryv1.SourceFormat_SOURCE_FORMAT_FERRULE,
}

func (a *app) importCommand() *cobra.Command {
	var f importFlags
	cmd := &cobra.Command{
		Use:   "import PATH|URL|DIR|ZIP...",
		Short: "Make connectors from descriptions of APIs",
		Long: `Import makes a connector, or a new revision of one, from each description:

  - OpenAPI 2.0, 3.0, 3.1 or 3.2, JSON or YAML: a file or a URL, with the files
    below its directory that it refers to, or a directory
  - a connector package: its directory, or a ZIP archive of it
  - a Postman collection, version 1, 2.0 or 2.1; --with adds environment files
  - a definition that ` + "`ferrule export --format ferrule`" + ` has written

The format is detected. The first revision of a connector is published at once;
later ones are drafts until they are published. Publishing a change that breaks
callers needs --allow-breaking, and so does publishing policies that cannot be
applied: calls of their operations are refused. Without it even a first revision
stays a draft then.

--only and --except choose operations, by id ("GetItem", "Get*"), by tag
("tag:users"), by path ("/users/**") or by method and path ("GET /users/{id}").`,
		Example: `  ferrule import api.yaml
  ferrule import https://api.example.com/openapi.json --id example
  ferrule import github.json --only 'tag:issues' --except 'DELETE /**'
  ferrule import shop.postman_collection.json --with test.postman_environment.json
  ferrule import packages/*
  ferrule import api.yaml --dry-run`,
		Args: minArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.importAll(cmd.Context(), args, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", "", "id of the connector; made from the directory's name or the title if not given")
	flags.StringVar(&f.format, "format", "", "openapi2, openapi3, powerplatform, postman or ferrule; detected if not given")
	flags.StringArrayVar(&f.with, "with", nil, "a file that belongs to the description, such as a Postman environment (repeatable)")
	selectionFlags(cmd, &f.only, &f.except)
	flags.BoolVar(&f.publish, "publish", false, "publish the new revision at once")
	flags.BoolVar(&f.allowBreaking, "allow-breaking", false, "publish also what breaks callers, or refuses calls")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would happen, and change nothing")
	return cmd
}

// selectionFlags declares the flags that choose operations.
func selectionFlags(cmd *cobra.Command, only, except *[]string) {
	cmd.Flags().StringArrayVar(only, "only", nil, "take only operations with this id, tag or path (repeatable)")
	cmd.Flags().StringArrayVar(except, "except", nil, "leave out operations with this id, tag or path (repeatable)")
}

// selection is nil if nothing is chosen.
func selection(only, except []string) *registryv1.OperationSelection {
	if len(only)+len(except) == 0 {
		return nil
	}
	return &registryv1.OperationSelection{Only: only, Except: except}
}

func (a *app) importAll(ctx context.Context, args []string, f importFlags) error {
	format, known := sourceFormats[strings.ToLower(f.format)]
	switch {
	case f.id != "" && len(args) > 1:
		return usage("--id names one connector, but %d descriptions were given", len(args))
	case len(f.with) > 0 && len(args) > 1:
		return usage("--with belongs to one description, but %d were given", len(args))
	case !known:
		return usage("--format must be openapi2, openapi3, powerplatform, postman or ferrule, not %q", f.format)
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	failed := 0
	ids := idsOf(args)
	for n, arg := range args {
		req := &registryv1.ImportConnectorRequest{
			Parent: a.parent(), ConnectorId: cmp.Or(f.id, ids[n]), Format: format, Selection: selection(f.only, f.except),
			Publish: f.publish, AllowBreaking: f.allowBreaking, ValidateOnly: f.dryRun,
		}
		if err := a.importOne(ctx, client, arg, f.with, req); err != nil {
			if ctx.Err() != nil || len(args) == 1 {
				return err
			}
			a.progress("%s:", arg)
			a.printError(err)
			failed++
		}
	}
	if failed > 0 {
		a.progress("%d of %d could not be imported", failed, len(args))
		return errReported
	}
	return nil
}

// idsOf chooses the ids of the connectors that directories become: their names,
// which stay the same when the same directories are imported again, whatever
// their titles. For everything else the server makes an id from the title.
func idsOf(args []string) []string {
	ids := make([]string, len(args))
	used := map[string]int{}
	for n, arg := range args {
		if info, err := os.Stat(arg); err != nil || !info.IsDir() {
			continue
		}
		abs, err := filepath.Abs(arg)
		if err != nil {
			continue
		}
		id := resource.NewID(filepath.Base(abs))
		if used[id]++; used[id] > 1 {
			id = resource.NewID(fmt.Sprintf("%s %d", filepath.Base(abs), used[id]))
		}
		ids[n] = id
	}
	return ids
}

// isURL tells URLs from paths.
func isURL(arg string) bool {
	return strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://")
}

func (a *app) importOne(ctx context.Context, client *rest.Client, arg string, with []string, req *registryv1.ImportConnectorRequest) error {
	if isURL(arg) {
		req.Source = &registryv1.ImportConnectorRequest_Url{Url: arg}
	} else {
		files, err := a.read(arg, with...)
		if err != nil {
			return err
		}
		req.Source = &registryv1.ImportConnectorRequest_Files{Files: files}
	}
	var res registryv1.ImportConnectorResponse
	if err := client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connectors")+":import", nil, req, &res); err != nil {
		return err
	}
	if a.json() {
		if warning := refusal(res.GetRevision().GetFindings()); warning != "" {
			a.progress("warning: %s: %s", id(res.GetConnector().GetName()), warning)
		}
		return a.printMessage(res.GetConnector())
	}
	a.printImport(&res, req.GetValidateOnly())
	return nil
}

// codeAuthKind is the finding about ways to authenticate that are not supported.
const codeAuthKind = "AuthKindNotSupported"

func (a *app) printImport(res *registryv1.ImportConnectorResponse, dryRun bool) {
	c, r := res.GetConnector(), res.GetRevision()
	verb := "imported"
	switch {
	case !res.GetCreated():
		verb = "unchanged"
	case dryRun:
		verb = "would import"
	}
	a.printf("%s %s: %s, %s and %s (%s revision %s)\n", verb, id(c.GetName()), cmp.Or(r.GetTitle(), c.GetTitle()),
		plural(r.GetActionCount(), "action"), plural(r.GetTriggerCount(), "trigger"),
		enumWord(r.GetState(), "REVISION_STATE_"), shortRevision(r.GetName()))
	a.printDiff(res.GetDiff(), fewChanges)
	a.printUnsupported(r.GetFindings())
	a.printErrors(r.GetFindings())
	if !dryRun {
		a.printDraft(id(c.GetName()), id(r.GetName()), r)
	}
	if n := countFindings(r.GetFindings()); n != "" {
		a.printf("  %s; `ferrule validate` shows them\n", n)
	}
}

// shownUnsupported is how many ways to authenticate that are not supported are
// printed after an import.
const shownUnsupported = 5

// printUnsupported prints the ways to authenticate that are not supported, each
// once: nobody can connect with them, whatever else is right.
func (a *app) printUnsupported(findings []*registryv1.Finding) {
	seen := map[string]bool{}
	for _, f := range findings {
		if f.GetCode() != codeAuthKind || seen[f.GetMessage()] {
			continue
		}
		if seen[f.GetMessage()] = true; len(seen) > shownUnsupported {
			a.printf("  more ways to authenticate are not supported\n")
			return
		}
		a.printf("  %s; %s\n", f.GetMessage(), f.GetRemedy())
	}
}

// shortRevision is as much of a revision's id as people compare.
func shortRevision(name string) string {
	text := id(name)
	return text[:min(len(text), 12)]
}

// countFindings says how many there are of each severity, the worst first; ""
// if there are none.
func countFindings(findings []*registryv1.Finding) string {
	counts := map[registryv1.Severity]int{}
	for _, f := range findings {
		counts[f.GetSeverity()]++
	}
	var parts []string
	for _, s := range []registryv1.Severity{
		registryv1.Severity_SEVERITY_ERROR, registryv1.Severity_SEVERITY_WARNING, registryv1.Severity_SEVERITY_INFO,
	} {
		if counts[s] > 0 {
			parts = append(parts, plural(counts[s], enumWord(s, "SEVERITY_")))
		}
	}
	return strings.Join(slices.Clip(parts), ", ")
}
