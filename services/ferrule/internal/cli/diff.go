package cli

import (
	"context"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// fewChanges is how many changes are shown beside something else.
const fewChanges = 10

func (a *app) diff() *cobra.Command {
	var failOn string
	cmd := &cobra.Command{
		Use:   "diff CONNECTOR[@REVISION] [CONNECTOR[@REVISION]|URL|PATH]",
		Short: "Say what changed between two revisions, or since a connector was imported",
		Long: `Diff says what changed, and which changes break callers. It compares the published
revision of a connector, or another one after "@" ("latest", or the beginning of
its id), with

  - another revision, of the same connector or of another one
  - what a URL, a file or a directory holds now
  - what the URL holds now that the connector was imported from, if nothing is
    named: a check whether the API has drifted away from the connector`,
		Example: `  ferrule diff inventory
  ferrule diff inventory inventory@latest
  ferrule diff inventory https://api.example.com/openapi.json --fail-on breaking`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usage("diff takes one or two arguments: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if failOn != "none" && failOn != "breaking" && failOn != "any" {
				return usage("--fail-on must be none, breaking or any, not %q", failOn)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			diff, err := a.compare(cmd.Context(), client, args)
			if err != nil {
				return err
			}
			if a.json() {
				err = a.printMessage(diff)
			} else {
				a.printDiff(diff, len(diff.GetChanges()))
			}
			if err == nil && (failOn == "any" && diff.GetChangeCount() > 0 || failOn == "breaking" && diff.GetBreakingCount() > 0) {
				err = errReported
			}
			return err
		},
	}
	cmd.Flags().StringVar(&failOn, "fail-on", "none", "exit with 1 on changes of this kind: none, breaking or any")
	return cmd
}

func (a *app) compare(ctx context.Context, client *rest.Client, args []string) (*registryv1.RevisionDiff, error) {
	base, err := a.revisionNamed(ctx, client, args[0])
	if err != nil {
		return nil, err
	}
	req := &registryv1.DiffRevisionsRequest{Base: base}
	switch {
	case len(args) == 1:
		url, err := a.sourceURL(ctx, client, base)
		if err != nil {
			return nil, err
		}
		req.Target = &registryv1.DiffRevisionsRequest_Url{Url: url}
	case isURL(args[1]):
		req.Target = &registryv1.DiffRevisionsRequest_Url{Url: args[1]}
	case isPath(args[1]):
		files, err := a.read(args[1])
		if err != nil {
			return nil, err
		}
		req.Target = &registryv1.DiffRevisionsRequest_Files{Files: files}
	default:
		other, err := a.revisionNamed(ctx, client, args[1])
		if err != nil {
			return nil, err
		}
		req.Target = &registryv1.DiffRevisionsRequest_Revision{Revision: other}
	}
	var res registryv1.DiffRevisionsResponse
	if err := client.Call(ctx, http.MethodPost, rest.Path(base)+":diff", nil, req, &res); err != nil {
		return nil, err
	}
	return res.GetDiff(), nil
}

// isPath tells files and directories from connectors: by what is there, or by
// how it is written.
func isPath(arg string) bool {
	return strings.ContainsAny(arg, `./\`) || exists(arg)
}

// sourceURL is where the source of a revision was fetched.
func (a *app) sourceURL(ctx context.Context, client *rest.Client, revision string) (string, error) {
	var r registryv1.Revision
	if err := client.Call(ctx, http.MethodGet, rest.Path(revision), nil, nil, &r); err != nil {
		return "", err
	}
	if r.GetSourceUrl() == "" {
		return "", usage("the connector was not imported from a URL; name a URL, a path or a revision to compare it with")
	}
	return r.GetSourceUrl(), nil
}

// impactWords are how impacts are shown.
var impactWords = map[registryv1.ChangeImpact]string{
	registryv1.ChangeImpact_CHANGE_IMPACT_BREAKING:   "breaking",
	registryv1.ChangeImpact_CHANGE_IMPACT_RISKY:      "risky",
	registryv1.ChangeImpact_CHANGE_IMPACT_COMPATIBLE: "compatible",
	registryv1.ChangeImpact_CHANGE_IMPACT_NONE:       "no effect",
}

// printDiff shows at most limit changes, those that break callers first; nothing
// if there is no diff.
func (a *app) printDiff(diff *registryv1.RevisionDiff, limit int) {
	if diff == nil {
		return
	}
	if diff.GetChangeCount() == 0 {
		a.printf("  nothing changed\n")
		return
	}
	a.printf("  %s, %d of them breaking\n", plural(diff.GetChangeCount(), "change"), diff.GetBreakingCount())
	shown := diff.GetChanges()[:min(limit, len(diff.GetChanges()))]
	for _, c := range shown {
		where := c.GetOperationId()
		if where != "" {
			where += ": "
		}
		a.printf("    %-10s %s%s (%s)\n", impactWords[c.GetImpact()], where, c.GetMessage(), c.GetCode())
	}
	if left := int(diff.GetChangeCount()) - len(shown); left > 0 {
		a.printf("    … and %s more\n", plural(left, "change"))
	}
}
