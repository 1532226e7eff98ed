package cli

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bundle"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// applyFlags are the flags of apply.
type applyFlags struct {
	dir           string
	dryRun        bool
	prune         bool
	allowBreaking bool
}

func (a *app) apply() *cobra.Command {
	var f applyFlags
	cmd := &cobra.Command{
		Use:   "apply -f DIR",
		Short: "Make an environment hold the connectors of a bundle",
		Long: `Apply brings the connectors of a bundle (see ` + "`ferrule export --bundle`" + `) into the
environment: it prints what it is going to do, then does it. Applying the same
bundle again changes nothing.

A change that breaks callers, or policies that cannot be applied, stop everything
before anything was done, unless --allow-breaking accepts it. So does a connector that
belongs to somebody else: its owner shares it with you ("ferrule connectors share"),
or an administrator applies the bundle.

--dry-run prints the plan only, with -o json as {"connector", "action", "breaking"} on
a line for each connector. --prune also removes the connectors that the
bundle does not have.`,
		Example: `  ferrule apply -f connectors/ --dry-run
  ferrule apply -f connectors/ --env production`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.dir == "" {
				return usage("apply needs the directory of a bundle: %s", cmd.UseLine())
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			return a.applyBundle(cmd.Context(), client, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.dir, "file", "f", "", "directory of the bundle")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print the plan, and change nothing")
	flags.BoolVar(&f.prune, "prune", false, "remove connectors that the bundle does not have")
	flags.BoolVar(&f.allowBreaking, "allow-breaking", false, "publish also what breaks callers, or refuses calls")
	return cmd
}

// step is what apply does about one connector.
type step struct {
	id      string
	request *registryv1.ImportConnectorRequest // nil to remove it
	planned registryv1.ImportConnectorResponse
	before  *registryv1.Connector // as it is now; nil if there is none
}

// verb says what the step does.
func (s *step) verb() string {
	switch {
	case s.request == nil:
		return "delete"
	case s.before == nil:
		return "create"
	case s.planned.GetCreated():
		return "update"
	case s.publishes():
		return "publish"
	}
	return "unchanged"
}

// publishes reports whether the connector gets another published revision.
func (s *step) publishes() bool {
	return s.request.GetPublish() && s.before.GetPublishedRevision() != s.planned.GetRevision().GetName()
}

// breaks reports whether the step breaks callers, or refuses their calls.
func (s *step) breaks() bool {
	if s.verb() == "unchanged" || !s.request.GetPublish() {
		return false
	}
	return s.planned.GetDiff().GetBreakingCount() > 0 || mustBeMeant(s.planned.GetRevision())
}

func (a *app) applyBundle(ctx context.Context, client *rest.Client, f applyFlags) error {
	plan, err := a.plan(ctx, client, f)
	if err != nil {
		return err
	}
	breaking, changes := a.printPlan(plan)
	switch {
	case f.dryRun:
		return nil
	case changes == 0:
		a.progress("environment %q is as the bundle says", a.environment)
		return nil
	case breaking > 0 && !f.allowBreaking:
		a.progress("error: %s would break callers or refuse their calls; nothing was done. --allow-breaking does it all the same", plural(breaking, "connector"))
		return errReported
	}
	for _, s := range plan {
		if err := a.execute(ctx, client, s, f.allowBreaking); err != nil {
			a.progress("%s %s failed:", s.verb(), s.id)
			return err
		}
	}
	a.progress("applied %s to environment %q", plural(changes, "change"), a.environment)
	return nil
}

// plan asks the server what each connector of the bundle would change.
func (a *app) plan(ctx context.Context, client *rest.Client, f applyFlags) ([]*step, error) {
	entries, err := bundle.Read(f.dir)
	if err != nil {
		return nil, err
	}
	present, err := a.allConnectors(ctx, client)
	if err != nil {
		return nil, err
	}
	there := map[string]*registryv1.Connector{}
	for _, c := range present {
		there[id(c.GetName())] = c
	}
	var plan []*step
	for _, entry := range entries {
		files, err := entry.Files()
		if err != nil {
			return nil, err
		}
		s := &step{id: entry.ID, before: there[entry.ID], request: &registryv1.ImportConnectorRequest{
			Parent: a.parent(), ConnectorId: entry.ID, Source: &registryv1.ImportConnectorRequest_Files{Files: files},
			Selection: selection(entry.Only, entry.Except), Publish: entry.Publish, Draft: !entry.Publish,
			AllowBreaking: true, ValidateOnly: true, // the plan says what breaks
		}}
		if err := a.send(ctx, client, s.request, &s.planned); err != nil {
			a.progress("%s:", entry.ID)
			return nil, err
		}
		delete(there, entry.ID)
		plan = append(plan, s)
	}
	for _, c := range present {
		if f.prune && there[id(c.GetName())] != nil {
			plan = append(plan, &step{id: id(c.GetName()), before: c})
		}
	}
	return plan, nil
}

func (a *app) send(ctx context.Context, client *rest.Client, req *registryv1.ImportConnectorRequest, res *registryv1.ImportConnectorResponse) error {
	return client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connectors")+":import", nil, req, res)
}

// printPlan says what is going to happen, and returns how many connectors break
// callers, or refuse their calls, and how many change.
func (a *app) printPlan(plan []*step) (breaking, changes int) {
	for _, s := range plan {
		a.printStep(s)
		if s.verb() != "unchanged" {
			changes++
		}
		if s.breaks() {
			breaking++
		}
	}
	return breaking, changes
}

// printStep says what is going to happen to one connector.
func (a *app) printStep(s *step) {
	verb := s.verb()
	if a.json() {
		line, _ := json.Marshal(struct { // cannot fail
			Connector string `json:"connector"`
			Action    string `json:"action"`
			Breaking  bool   `json:"breaking"`
		}{s.id, verb, s.breaks()})
		a.printf("%s\n", line)
		return
	}
	a.printf("%-9s %s\n", verb, s.id)
	if verb == "unchanged" {
		return
	}
	a.printErrors(s.planned.GetRevision().GetFindings())
	if verb == "update" || verb == "publish" {
		a.printDiff(s.planned.GetDiff(), fewChanges)
	}
}

// execute does what the plan says about one connector. What others published
// since the plan was made is not broken by it either.
func (a *app) execute(ctx context.Context, client *rest.Client, s *step, allowBreaking bool) error {
	switch s.verb() {
	case "unchanged":
		return nil
	case "delete":
		return client.Call(ctx, http.MethodDelete, rest.Path(a.resource("connectors", s.id)), nil, nil, nil)
	}
	s.request.ValidateOnly, s.request.AllowBreaking = false, allowBreaking
	return a.send(ctx, client, s.request, &registryv1.ImportConnectorResponse{})
}
