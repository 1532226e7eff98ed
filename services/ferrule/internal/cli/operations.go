package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) operations() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "operations CONNECTOR[@REVISION]",
		Short: "List what a connector can do",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			revision, err := a.revisionNamed(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			ops, err := a.listOperations(cmd.Context(), client, revision)
			if err != nil {
				return err
			}
			out := a.listing("OPERATION", "KIND", "REQUEST", "SUMMARY")
			hidden := 0
			for _, op := range ops {
				if op.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL && !all && !a.json() {
					hidden++
					continue
				}
				row := []string{op.GetOperationId(), kindWord(op), op.GetMethod() + " " + short(op.GetPath(), 48), short(op.GetSummary(), 56)}
				if err := out.add(op, row); err != nil {
					return err
				}
			}
			if hidden > 0 {
				a.progress("%s not shown; --all shows them", plural(hidden, "internal operation"))
			}
			return out.end("the connector has no operations")
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "also list internal operations")
	return cmd
}

// listOperations returns the operations of a revision.
func (a *app) listOperations(ctx context.Context, client *rest.Client, revision string) ([]*connectorv1.Operation, error) {
	var ops []*connectorv1.Operation
	err := everyPage(func(token string) (string, error) {
		var res registryv1.ListOperationsResponse
		query := url.Values{"page_token": {token}, "page_size": {"1000"}}
		if err := client.Call(ctx, http.MethodGet, rest.Path(revision, "operations"), query, nil, &res); err != nil {
			return "", err
		}
		ops = append(ops, res.GetOperations()...)
		return res.GetNextPageToken(), nil
	})
	return ops, err
}

func (a *app) currentRevision(ctx context.Context, client *rest.Client, connector string) (string, error) {
	var c registryv1.Connector
	if err := client.Call(ctx, http.MethodGet, rest.Path(a.resource("connectors", connector)), nil, nil, &c); err != nil {
		return "", err
	}
	if c.GetPublishedRevision() != "" {
		return c.GetPublishedRevision(), nil
	}
	return c.GetLatestRevision(), nil
}

// kindWord says what an operation is for.
func kindWord(op *connectorv1.Operation) string {
	return enumWord(op.GetKind(), "OPERATION_KIND_")
}
