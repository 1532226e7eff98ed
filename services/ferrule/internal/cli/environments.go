package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) environments() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "environments",
		Short: "List, make, change and remove environments",
		Long: `An environment is the boundary for names: development, test, production, or a
tenant. Connectors, connections and subscriptions belong to one. The environment
"default" always exists; --env chooses another one for any command.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			out := a.listing("ENVIRONMENT", "TITLE", "MADE", "EVENTS KEPT")
			err = everyPage(func(token string) (string, error) {
				var res registryv1.ListEnvironmentsResponse
				query := url.Values{"page_token": {token}, "page_size": {"1000"}}
				if err := client.Call(cmd.Context(), http.MethodGet, rest.Path("environments"), query, nil, &res); err != nil {
					return "", err
				}
				for _, e := range res.GetEnvironments() {
					made := ""
					if e.GetCreateTime() != nil {
						made = e.GetCreateTime().AsTime().Local().Format(time.DateTime)
					}
					if err := out.add(e, []string{id(e.GetName()), short(e.GetTitle(), 48), made, keptText(e)}); err != nil {
						return "", err
					}
				}
				return res.GetNextPageToken(), nil
			})
			if err != nil {
				return err
			}
			return out.end("there are no environments")
		},
	}
	cmd.AddCommand(a.createEnvironment(), a.updateEnvironment(), a.deleteEnvironment())
	return cmd
}

func (a *app) createEnvironment() *cobra.Command {
	var title, description string
	cmd := &cobra.Command{
		Use:     "create ENVIRONMENT",
		Short:   "Make an environment",
		Example: `  ferrule environments create test --title "Integration tests"`,
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var made registryv1.Environment
			query := url.Values{"environment_id": {args[0]}}
			in := &registryv1.Environment{Title: title, Description: description}
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path("environments"), query, in, &made); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&made)
			}
			a.printf("made environment %s\n", id(made.GetName()))
			return nil
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "display title")
	cmd.Flags().StringVar(&description, "description", "", "longer text")
	return cmd
}

func (a *app) updateEnvironment() *cobra.Command {
	var title, description string
	var age period
	var bytes int64
	cmd := &cobra.Command{
		Use:   "update ENVIRONMENT",
		Short: "Change an environment, and how long its events are kept",
		Long: `Change an environment. What is not given stays. Events can be read again as long as
the installation keeps them, and shorter where the environment says so; those that wait
for a sink are not affected.`,
		Example: `  ferrule environments update test --keep-events 7d --keep-event-bytes 1000000000
  ferrule environments update test --keep-events 0s    # as long as the installation does`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, fields := &registryv1.Environment{Title: title, Description: description, EventMaxBytes: bytes}, []string{}
			if age != 0 {
				in.EventMaxAge = age.proto()
			}
			for _, f := range []struct{ flag, field string }{
				{"title", "title"}, {"description", "description"}, {"keep-events", "event_max_age"}, {"keep-event-bytes", "event_max_bytes"},
			} {
				if cmd.Flags().Changed(f.flag) {
					fields = append(fields, f.field)
				}
			}
			if len(fields) == 0 {
				return usage("nothing to change; give --title, --description, --keep-events or --keep-event-bytes")
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			var changed registryv1.Environment
			query := url.Values{"update_mask": {strings.Join(fields, ",")}}
			if err := client.Call(cmd.Context(), http.MethodPatch, rest.Path("environments", args[0]), query, in, &changed); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&changed)
			}
			a.printf("changed environment %s\n", id(changed.GetName()))
			return nil
		},
	}
	cmd.Flags().StringVar(&title, "title", "", "display title")
	cmd.Flags().StringVar(&description, "description", "", "longer text")
	cmd.Flags().Var(&age, "keep-events", "how long events can be read again: 1m to 3650d, 0s for as long as the installation says")
	cmd.Flags().Int64Var(&bytes, "keep-event-bytes", 0, "how many bytes of events are kept, the newest; 0 for no bound of its own")
	return cmd
}

func (a *app) deleteEnvironment() *cobra.Command {
	return &cobra.Command{
		Use:   "delete ENVIRONMENT",
		Short: "Remove an environment that holds no connectors",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			if err := client.Call(cmd.Context(), http.MethodDelete, rest.Path("environments", args[0]), nil, nil, nil); err != nil {
				return err
			}
			if !a.json() {
				a.printf("deleted environment %s\n", args[0])
			}
			return nil
		},
	}
}

// keptText is how long, and how many, events of an environment are kept where it has
// bounds of its own; empty where those of the installation hold.
func keptText(e *registryv1.Environment) string {
	var bounds []string
	if age := e.GetEventMaxAge().AsDuration(); age > 0 {
		bounds = append(bounds, periodText(age))
	}
	if size := e.GetEventMaxBytes(); size > 0 {
		bounds = append(bounds, fmt.Sprintf("%d bytes", size))
	}
	return strings.Join(bounds, ", ")
}
