package cli

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// searchFlags are the flags of search.
type searchFlags struct {
	operations bool
	connectors []string
	kinds      []string
	tags       []string
	categories []string
	publishers []string
	auth       []string
	triggers   bool
	hidden     bool
	facets     bool
	limit      int
}

func (a *app) search() *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use:   "search [WORD...]",
		Short: "Find connectors, or operations of all connectors",
		Long: `Search finds connectors by words in their ids, titles, descriptions, publishers,
categories and tags, best match first; with --operations it finds operations of
published connectors. The beginning of a word is enough. --facets shows how all
results spread, which is what the other flags narrow down.`,
		Example: `  ferrule search mail --auth oauth2
  ferrule search --operations create invoice
  ferrule search --facets`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(cmd); err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			query := url.Values{"query": {strings.Join(args, " ")}, "page_size": {strconv.Itoa(f.limit)}}
			if f.operations {
				return a.searchOperations(cmd.Context(), client, query, f)
			}
			return a.searchConnectors(cmd.Context(), client, query, f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.operations, "operations", false, "find operations instead of connectors")
	flags.StringSliceVar(&f.connectors, "connector", nil, "only operations of these connectors")
	flags.StringSliceVar(&f.kinds, "kind", nil, "only operations of these kinds: action, polling_trigger, webhook_trigger")
	flags.StringSliceVar(&f.tags, "tag", nil, "only operations with one of these tags")
	flags.BoolVar(&f.hidden, "all", false, "also deprecated and internal operations")
	flags.StringSliceVar(&f.categories, "category", nil, "only connectors of these categories")
	flags.StringSliceVar(&f.publishers, "publisher", nil, "only connectors of these publishers")
	flags.StringSliceVar(&f.auth, "auth", nil, "only connectors with one of these kinds of authentication: none, basic, api_key, bearer, oauth2, …")
	flags.BoolVar(&f.triggers, "triggers", false, "only connectors with triggers")
	flags.BoolVar(&f.facets, "facets", false, "show how all results spread")
	flags.IntVar(&f.limit, "limit", 50, "how many results to show, 1 to 1000")
	return cmd
}

// check refuses flags that nothing is done with, and values that nothing has.
func (f *searchFlags) check(cmd *cobra.Command) error {
	if f.limit < 1 || f.limit > 1000 {
		return usage("--limit must be 1 to 1000, not %d", f.limit)
	}
	flags, hint := []string{"connector", "kind", "tag", "all"}, "add --operations"
	if f.operations {
		flags, hint = []string{"category", "publisher", "auth", "triggers"}, "leave out --operations"
	}
	for _, name := range flags {
		if cmd.Flags().Changed(name) {
			return usage("--%s does not choose among these; %s", name, hint)
		}
	}
	for _, kind := range f.kinds {
		if connectorv1.OperationKind_value["OPERATION_KIND_"+strings.ToUpper(kind)] == 0 {
			return usage("--kind must be action, polling_trigger or webhook_trigger, not %q", kind)
		}
	}
	return nil
}

func (a *app) searchConnectors(ctx context.Context, client *rest.Client, query url.Values, f searchFlags) error {
	query["categories"], query["publishers"], query["authentication"] = f.categories, f.publishers, f.auth
	if f.triggers {
		query.Set("with_triggers", "true")
	}
	var res registryv1.SearchConnectorsResponse
	if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "connectors")+":search", query, nil, &res); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(&res)
	}
	out := a.listing("CONNECTOR", "TITLE", "ACTIONS", "TRIGGERS", "PUBLISHER", "ABOUT")
	for _, c := range res.GetConnectors() {
		row := []string{
			id(c.GetName()), short(c.GetTitle(), 32), strconv.Itoa(int(c.GetActionCount())), strconv.Itoa(int(c.GetTriggerCount())),
			short(c.GetPublisher(), 24), short(c.GetDescription(), 56),
		}
		if err := out.add(c, row); err != nil {
			return err
		}
	}
	return a.endSearch(out, "connector", int(res.GetTotalSize()), len(res.GetConnectors()), res.GetFacets(), f)
}

func (a *app) searchOperations(ctx context.Context, client *rest.Client, query url.Values, f searchFlags) error {
	query["connectors"], query["kinds"], query["tags"] = f.connectors, f.kinds, f.tags
	if f.hidden {
		query.Set("include_hidden", "true")
	}
	var res registryv1.SearchOperationsResponse
	if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "operations")+":search", query, nil, &res); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(&res)
	}
	out := a.listing("CONNECTOR", "OPERATION", "KIND", "REQUEST", "SUMMARY")
	for _, o := range res.GetOperations() {
		row := []string{
			id(o.GetConnector()), o.GetOperationId(), strings.ReplaceAll(o.GetKind(), "_", " "),
			o.GetMethod() + " " + short(o.GetPath(), 40), short(o.GetSummary(), 48),
		}
		if err := out.add(o, row); err != nil {
			return err
		}
	}
	return a.endSearch(out, "operation", int(res.GetTotalSize()), len(res.GetOperations()), res.GetFacets(), f)
}

// endSearch prints the results and what is beyond them.
func (a *app) endSearch(out *listing, noun string, total, shown int, facets []*registryv1.Facet, f searchFlags) error {
	if err := out.end("nothing was found"); err != nil {
		return err
	}
	if total > shown {
		a.progress("%s of %s shown; --limit shows more", strconv.Itoa(shown), plural(total, noun))
	}
	if !f.facets {
		return nil
	}
	for _, facet := range facets {
		a.printf("\n%s:\n", facet.GetName())
		for _, v := range facet.GetValues() {
			a.printf("  %6d  %s\n", v.GetCount(), v.GetValue())
		}
	}
	return nil
}
