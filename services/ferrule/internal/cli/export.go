package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/config"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bundle"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
)

// exportFormats are the names of formats on the command line.
var exportFormats = map[string]registryv1.ExportFormat{
	"":              registryv1.ExportFormat_EXPORT_FORMAT_UNSPECIFIED,
	"powerplatform": registryv1.ExportFormat_EXPORT_FORMAT_CONNECTOR_PACKAGE,
	"openapi3":      registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI31,
	"openapi3.1":    registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI31,
	"openapi3.0":    registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI30,
	"openapi2":      registryv1.ExportFormat_EXPORT_FORMAT_OPENAPI2,
	"postman":       registryv1.ExportFormat_EXPORT_FORMAT_POSTMAN,
	"ferrule":       registryv1.ExportFormat_EXPORT_FORMAT_FERRULE,
}

// exportFlags are the flags of export.
type exportFlags struct {
	format string
	to     string
	bundle string
}

func (a *app) export() *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export CONNECTOR[@REVISION]",
		Short: "Write a connector as a connector package, OpenAPI or Postman collection",
		Long: `Export writes a connector in a format of choice: powerplatform, openapi3 (3.1),
openapi3.0, openapi2, postman, or ferrule, which loses nothing. Without --format it
is the format of the connector's own source; if the connector was not edited, the
result is that source, byte for byte. What a format cannot express is said on the
error stream.

With --bundle it writes connectors, or all connectors of the environment, into a
directory that can be kept under version control and applied to any environment
with ` + "`ferrule apply`" + `. A bundle holds no connections and none of their secrets.`,
		Example: `  ferrule export inventory --format openapi3 > inventory.json
  ferrule export inventory --format powerplatform -o inventory/
  ferrule export --bundle connectors/
  ferrule export --bundle connectors/ inventory crm`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			format, known := exportFormats[strings.ToLower(f.format)]
			switch {
			case !known:
				return usage("--format must be powerplatform, openapi3, openapi3.0, openapi2, postman or ferrule, not %q", f.format)
			case f.bundle == "" && len(args) != 1:
				return usage("export takes one connector, or --bundle DIR: %s", cmd.UseLine())
			case f.bundle != "" && (f.format != "" || f.to != ""):
				return usage("--bundle keeps each connector in the format of its source; leave out --format and --output")
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			if f.bundle != "" {
				return a.exportBundle(cmd.Context(), client, f.bundle, args)
			}
			return a.exportOne(cmd.Context(), client, args[0], format, f.to)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "", "format to write; that of the source if not given")
	flags.StringVarP(&f.to, "output", "o", "", "file, or directory for several files; standard output if not given")
	flags.Lookup("output").Annotations = map[string][]string{config.OnlyFlag: nil} // FERRULE_OUTPUT is a format
	flags.StringVar(&f.bundle, "bundle", "", "directory to write a bundle of connectors to")
	return cmd
}

func (a *app) exportOne(ctx context.Context, client *rest.Client, arg string, format registryv1.ExportFormat, to string) error {
	name, err := a.revisionNamed(ctx, client, arg)
	if err != nil {
		return err
	}
	res, err := fetchExport(ctx, client, name, format)
	if err != nil {
		return err
	}
	for _, f := range res.GetFindings() {
		a.progress("%s %s: %s", enumWord(f.GetSeverity(), "SEVERITY_"), f.GetCode(), f.GetMessage())
	}
	files := res.GetFiles()
	if to == "" || to == "-" {
		if len(files) != 1 {
			return usage("the export has %d files; name a directory with --output", len(files))
		}
		_, err := a.Out.Write(files[0].GetContent())
		return err
	}
	if err := writeExport(to, files); err != nil {
		return err
	}
	a.progress("wrote %s to %s", plural(len(files), "file"), to)
	return nil
}

// writeExport writes one file under the name that was asked for, unless that is
// a directory, and several below it.
func writeExport(to string, files []*registryv1.SourceFile) error {
	if len(files) == 1 && !strings.HasSuffix(to, "/") && !isDir(to) {
		return sources.WriteFile(to, files[0].GetContent())
	}
	return sources.Write(to, files)
}

func fetchExport(ctx context.Context, client *rest.Client, revision string, format registryv1.ExportFormat) (*registryv1.ExportConnectorResponse, error) {
	var res registryv1.ExportConnectorResponse
	query := url.Values{"format": {format.String()}}
	return &res, client.Call(ctx, http.MethodGet, rest.Path(revision)+":export", query, nil, &res)
}

func (a *app) exportBundle(ctx context.Context, client *rest.Client, dir string, connectors []string) error {
	if len(connectors) == 0 {
		all, err := a.allConnectors(ctx, client)
		if err != nil {
			return err
		}
		for _, c := range all {
			connectors = append(connectors, id(c.GetName()))
		}
	}
	for _, connector := range connectors {
		entry, files, err := a.bundled(ctx, client, connector)
		if err != nil {
			return err
		}
		if err := bundle.Write(dir, entry, files); err != nil {
			return err
		}
	}
	a.progress("wrote %s to %s", plural(len(connectors), "connector"), dir)
	return nil
}

// bundled is a connector as a bundle keeps it: the source that its current
// revision was made from, or the definition itself if that was edited since.
func (a *app) bundled(ctx context.Context, client *rest.Client, connector string) (bundle.Connector, []*registryv1.SourceFile, error) {
	name, err := a.revisionNamed(ctx, client, connector)
	if err != nil {
		return bundle.Connector{}, nil, err
	}
	var r registryv1.Revision
	if err := client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, &r); err != nil {
		return bundle.Connector{}, nil, err
	}
	published := r.GetState() == registryv1.RevisionState_REVISION_STATE_PUBLISHED
	entry := bundle.Connector{ID: connectorOf(name), Title: r.GetTitle(), Publish: published}
	if r.GetEdited() {
		res, err := fetchExport(ctx, client, name, registryv1.ExportFormat_EXPORT_FORMAT_FERRULE)
		return entry, res.GetFiles(), err
	}
	entry.Only, entry.Except = r.GetSelection().GetOnly(), r.GetSelection().GetExcept()
	if hasSecrets(&r) {
		a.progress("warning: the source of %s holds what looks like a secret, which is written to the bundle; `ferrule validate` says where", entry.ID)
	}
	var source registryv1.Source
	err = client.Call(ctx, http.MethodGet, rest.Path(name, "source"), nil, nil, &source)
	return entry, source.GetFiles(), err
}

// hasSecrets reports whether an author left secrets in the source of a revision.
func hasSecrets(r *registryv1.Revision) bool {
	return slices.ContainsFunc(r.GetFindings(), func(f *registryv1.Finding) bool {
		return f.GetCode() == "SecretInSource" || f.GetCode() == "ClientSecretInPackage"
	})
}

// connectorOf is the connector's id in the name of a revision.
func connectorOf(revision string) string {
	connector, _, _ := strings.Cut(revision, "/revisions/")
	return id(connector)
}

// allConnectors returns the connectors of the environment.
func (a *app) allConnectors(ctx context.Context, client *rest.Client) ([]*registryv1.Connector, error) {
	var all []*registryv1.Connector
	err := everyPage(func(token string) (string, error) {
		var res registryv1.ListConnectorsResponse
		query := url.Values{"page_token": {token}, "page_size": {"1000"}}
		if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "connectors"), query, nil, &res); err != nil {
			return "", err
		}
		all = append(all, res.GetConnectors()...)
		return res.GetNextPageToken(), nil
	})
	return all, err
}
