package cli

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) audit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show who used which secrets, and verify the records",
		Long: `Every use of a secret leaves a record: who, which connection, which operation, which
host and when, never the value. The records of an environment form a chain: each holds
a proof of itself and of all before it, so that none can be changed or taken away
unnoticed. Only administrators may read them.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.auditList(), a.auditExport(), a.auditVerify())
	return cmd
}

// auditFilter says which records are wanted.
type auditFilter struct{ connection, principal, action, since, until string }

func (f *auditFilter) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.connection, "connection", "", "only records of this connection")
	flags.StringVar(&f.principal, "principal", "", "only records of this principal")
	flags.StringVar(&f.action, "action", "", "only records of this action, for instance resolved, used or refused")
	flags.StringVar(&f.since, "since", "", "only records of this time or later: RFC 3339, or how long ago, such as 24h")
	flags.StringVar(&f.until, "until", "", "only records before this time: RFC 3339, or how long ago")
}

func (f *auditFilter) query(a *app) (url.Values, error) {
	query := url.Values{"page_size": {"1000"}}
	if f.connection != "" {
		query.Set("connection", a.resource("connections", f.connection))
	}
	if f.principal != "" {
		query.Set("principal", f.principal)
	}
	if f.action != "" {
		word := "AUDIT_ACTION_" + strings.ToUpper(strings.NewReplacer("-", "_", " ", "_").Replace(f.action))
		if n, ok := vaultv1.AuditAction_value[word]; !ok || n == 0 {
			return nil, usage("--action %q is not known; %s", f.action, auditActions())
		}
		query.Set("action", word)
	}
	if err := a.setPast(query, "start_time", "since", f.since); err != nil {
		return nil, err
	}
	return query, a.setPast(query, "end_time", "until", f.until)
}

func auditActions() string {
	var words []string
	for n := int32(1); vaultv1.AuditAction_name[n] != ""; n++ {
		words = append(words, enumWord(vaultv1.AuditAction(n), "AUDIT_ACTION_"))
	}
	return "use one of " + strings.Join(words, ", ")
}

func (a *app) auditList() *cobra.Command {
	var filter auditFilter
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List records, the newest first",
		Example: "  ferrule audit list --connection shop --since 24h",
		Args:    exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := a.listing("TIME", "ACTION", "CONNECTION", "PRINCIPAL", "OPERATION", "HOST", "COUNT", "NOTE")
			n := 0
			err := a.auditRecords(cmd.Context(), &filter, func(r *vaultv1.AuditRecord) (bool, error) {
				n++
				return n != limit, out.add(r, []string{
					r.GetTime().AsTime().Local().Format(time.DateTime), enumWord(r.GetAction(), "AUDIT_ACTION_"),
					id(r.GetConnection()) + id(r.GetOauthClient()), r.GetPrincipal(), r.GetOperationId(), r.GetHost(), strconv.FormatInt(max(r.GetCount(), 1), 10), auditNote(r),
				})
			})
			if err != nil {
				return err
			}
			return out.end("there are no such records")
		},
	}
	filter.declare(cmd)
	cmd.Flags().IntVar(&limit, "limit", 100, "how many records are listed; 0 means all")
	return cmd
}

// auditNote is what a record says beside who, what and where.
func auditNote(r *vaultv1.AuditRecord) string {
	if why := r.GetNotRevokedReason(); why != "" {
		return "not revoked: " + why
	}
	return ""
}

func (a *app) auditExport() *cobra.Command {
	var filter auditFilter
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write all records as lines of JSON, the newest first",
		Long: `Export writes one record per line. The first line is the newest record: keep its
sequence and proof somewhere else, and "ferrule audit verify --anchor" finds out later
whether the records still hold it.`,
		Example: "  ferrule audit export > audit.jsonl",
		Args:    exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			n := 0
			err := a.auditRecords(cmd.Context(), &filter, func(r *vaultv1.AuditRecord) (bool, error) {
				if n++; n%10_000 == 0 {
					a.progress("%s", plural(n, "record"))
				}
				return true, a.printMessage(r)
			})
			if err != nil {
				return err
			}
			a.progress("exported %s", plural(n, "record"))
			return nil
		},
	}
	filter.declare(cmd)
	return cmd
}

// auditRecords calls visit with each record until it has enough.
func (a *app) auditRecords(ctx context.Context, filter *auditFilter, visit func(*vaultv1.AuditRecord) (bool, error)) error {
	query, err := filter.query(a)
	if err != nil {
		return err
	}
	client, err := a.client()
	if err != nil {
		return err
	}
	return everyPage(func(token string) (string, error) {
		query.Set("page_token", token)
		var res vaultv1.ListAuditRecordsResponse
		if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "auditRecords"), query, nil, &res); err != nil {
			return "", err
		}
		for _, r := range res.GetAuditRecords() {
			if more, err := visit(r); err != nil || !more {
				return "", err
			}
		}
		return res.GetNextPageToken(), nil
	})
}

func (a *app) auditVerify() *cobra.Command {
	var anchor string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that no record was changed, removed or put in",
		Long: `Verify walks through all records of the environment and checks the proof of each.
Without an anchor it cannot tell a trail that was cut at its end, or put back from
a backup, from a whole one: give sequence and proof of a record that you have kept
elsewhere.`,
		Example: "  ferrule audit verify\n  ferrule audit verify --anchor 1234:9f2c…",
		Args:    exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query := url.Values{}
			if anchor != "" {
				sequence, proof, ok := strings.Cut(anchor, ":")
				if _, err := strconv.ParseUint(sequence, 10, 63); err != nil || !ok || proof == "" {
					return usage("--anchor takes SEQUENCE:PROOF, as an earlier verification or an export shows them")
				}
				query.Set("sequence", sequence)
				query.Set("proof", proof)
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			var res vaultv1.VerifyAuditRecordsResponse
			if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.parent(), "auditRecords")+":verify", query, nil, &res); err != nil {
				return err
			}
			return a.verified(&res)
		},
	}
	cmd.Flags().StringVar(&anchor, "anchor", "", "SEQUENCE:PROOF of a record that the chain must still hold")
	return cmd
}

func (a *app) verified(res *vaultv1.VerifyAuditRecordsResponse) error {
	if a.json() {
		if err := a.printMessage(res); err != nil {
			return err
		}
	}
	if !res.GetIntact() {
		where := ""
		if res.GetBrokenSequence() > 0 {
			where = fmt.Sprintf(" at record %d", res.GetBrokenSequence())
		}
		a.progress("the audit records are not as they were written%s: %s", where, res.GetReason())
		return errReported
	}
	if !a.json() {
		a.printf("intact: %s, from %d to %d\nanchor: %d:%s\n", plural(res.GetChecked(), "record"), res.GetFirstSequence(), res.GetLastSequence(), res.GetLastSequence(), res.GetLastProof())
	}
	return nil
}
