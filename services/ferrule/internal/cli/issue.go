package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/provision"
)

func (a *app) issueToken() *cobra.Command {
	var roles []string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Issue a bearer token for a person or program",
		Long: `Token prints a new bearer token, signed with the key in the server's data
directory (--data). Roles, each including those after it:

  admin   everything
  maker   makes connectors
  user    uses connectors: own connections and subscriptions

A token cannot be taken back before it expires: keep its life short.`,
		Example: "  ferrule token ann --role maker --ttl 720h",
		Args:    exactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			granted := make([]authn.Role, len(roles))
			for n, role := range roles {
				granted[n] = authn.Role(role)
			}
			token, err := provision.Issue(a.data, args[0], granted, ttl, a.clock)
			if err != nil {
				return err
			}
			a.printf("%s\n", token)
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&roles, "role", []string{string(authn.RoleUser)}, "role of the bearer: admin, maker or user (repeatable)")
	cmd.Flags().DurationVar(&ttl, "ttl", 30*24*time.Hour, "how long the token is valid, at most 366 days")
	return cmd
}
