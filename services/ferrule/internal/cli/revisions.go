package cli

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) revisions() *cobra.Command {
	return &cobra.Command{
		Use:   "revisions CONNECTOR",
		Short: "List the revisions of a connector, newest first",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			out := a.listing("REVISION", "STATE", "IMPORTED", "ACTIONS", "TRIGGERS")
			used := ""
			if !a.json() {
				var c registryv1.Connector
				if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.resource("connectors", args[0])), nil, nil, &c); err != nil {
					return err
				}
				used = c.GetPublishedRevision()
			}
			path := rest.Path(a.resource("connectors", args[0]), "revisions")
			err = everyPage(func(token string) (string, error) {
				var res registryv1.ListRevisionsResponse
				query := url.Values{"page_token": {token}, "page_size": {"1000"}}
				if err := client.Call(cmd.Context(), http.MethodGet, path, query, nil, &res); err != nil {
					return "", err
				}
				for _, r := range res.GetRevisions() {
					row := []string{
						id(r.GetName()), stateOf(r, used),
						r.GetCreateTime().AsTime().Local().Format(time.DateTime),
						strconv.Itoa(int(r.GetActionCount())), strconv.Itoa(int(r.GetTriggerCount())),
					}
					if err := out.add(r, row); err != nil {
						return "", err
					}
				}
				return res.GetNextPageToken(), nil
			})
			if err != nil {
				return err
			}
			return out.end("the connector has no revisions")
		},
	}
}

// stateOf is the state of a revision, and whether it is the one that callers get.
func stateOf(r *registryv1.Revision, used string) string {
	state := enumWord(r.GetState(), "REVISION_STATE_")
	if used != "" && r.GetName() == used {
		state += ", in use"
	}
	return state
}

func (a *app) publish() *cobra.Command {
	var allowBreaking bool
	cmd := &cobra.Command{
		Use:   "publish CONNECTOR REVISION",
		Short: "Make a revision the one that callers get",
		Long: `Publish makes a revision the one that callers get, unless a connection pins
another. "latest" stands for the revision that was imported last; an earlier
revision can be published again. A change that breaks callers is refused unless
--allow-breaking accepts it; ` + "`ferrule diff`" + ` shows what would break. So is a revision
with policies that cannot be applied: calls of their operations are refused.`,
		Example: "  ferrule publish inventory latest",
		Args:    exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name, err := a.revisionNamed(cmd.Context(), client, args[0]+"@"+args[1])
			if err != nil {
				return err
			}
			var revision registryv1.Revision
			req := &registryv1.PublishRevisionRequest{Name: name, AllowBreaking: allowBreaking}
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(name)+":publish", nil, req, &revision); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&revision)
			}
			a.printf("published %s of %s\n", id(revision.GetName()), args[0])
			return nil
		},
	}
	cmd.Flags().BoolVar(&allowBreaking, "allow-breaking", false, "publish also what breaks callers, or refuses calls")
	return cmd
}

func (a *app) deprecate() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "deprecate CONNECTOR REVISION",
		Short: "Say that a revision should not be used any more",
		Long: `Deprecate marks a revision that connections may still pin. It goes on working. The
revision that callers get cannot be deprecated: publish another one first.`,
		Example: `  ferrule deprecate inventory 4e1f0c --note "use the revision with paging"`,
		Args:    exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name, err := a.revisionNamed(cmd.Context(), client, args[0]+"@"+args[1])
			if err != nil {
				return err
			}
			var revision registryv1.Revision
			req := &registryv1.DeprecateRevisionRequest{Name: name, Note: note}
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(name)+":deprecate", nil, req, &revision); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&revision)
			}
			a.printf("deprecated %s of %s\n", shortRevision(revision.GetName()), args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, and what to use instead")
	return cmd
}
