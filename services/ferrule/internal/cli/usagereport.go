package cli

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// usageFlags are the flags of usage.
type usageFlags struct {
	connector, operation, connection string
	by                               string
	hourly                           bool
	from, to                         string
}

// dimensions are the values of --by.
var dimensions = map[string]runtimev1.UsageDimension{
	"":           runtimev1.UsageDimension_USAGE_DIMENSION_UNSPECIFIED,
	"connector":  runtimev1.UsageDimension_USAGE_DIMENSION_CONNECTOR,
	"operation":  runtimev1.UsageDimension_USAGE_DIMENSION_OPERATION,
	"connection": runtimev1.UsageDimension_USAGE_DIMENSION_CONNECTION,
}

func (a *app) usageReport() *cobra.Command {
	var f usageFlags
	cmd := &cobra.Command{
		Use:   "usage",
		Short: "Count calls, failures, times and bytes by day or hour",
		Long: `Usage counts the calls of the environment in each day (UTC), or in each hour with
--hourly: how many there were, how many of them failed (a status of 400 or more, or
no answer at all), how long half of them and 99 of 100 took at most, and how many
bytes of bodies went out and came in. What was counted is there within seconds, and
kept for 90 days.

Makers and administrators see everything; others name a connection of theirs with
--connection.`,
		Example: `  ferrule usage
  ferrule usage --hourly --by connector
  ferrule usage --connector shop --by operation --from 168h
  ferrule usage --connection shop --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			query, err := f.query(a)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			var res runtimev1.GetUsageResponse
			if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.parent(), "usage"), query, nil, &res); err != nil {
				return err
			}
			return a.printUsage(&res, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.connector, "connector", "", "only calls of this connector")
	flags.StringVar(&f.operation, "operation", "", "only calls of this operation")
	flags.StringVar(&f.connection, "connection", "", "only calls of this connection")
	flags.StringVar(&f.by, "by", "", "keep apart by connector, operation or connection")
	flags.BoolVar(&f.hourly, "hourly", false, "by hours instead of days")
	flags.StringVar(&f.from, "from", "", "from the period of this time: RFC 3339, or how long ago, such as 48h (default 30 days, or a day by hours)")
	flags.StringVar(&f.to, "to", "", "up to, and without, the period of this time: RFC 3339, or how long ago (default now)")
	return cmd
}

func (f *usageFlags) query(a *app) (url.Values, error) {
	dimension, known := dimensions[f.by]
	if !known {
		return nil, usage("--by must be connector, operation or connection, not %q", f.by)
	}
	query := url.Values{}
	for name, value := range map[string]string{
		"connector": id(f.connector), "operation_id": f.operation, "connection": id(f.connection),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	query.Set("period", runtimev1.UsagePeriod_USAGE_PERIOD_DAY.String())
	if f.hourly {
		query.Set("period", runtimev1.UsagePeriod_USAGE_PERIOD_HOUR.String())
	}
	if f.by != "" {
		query.Set("dimension", dimension.String())
	}
	if err := a.setPast(query, "start_time", "from", f.from); err != nil {
		return nil, err
	}
	return query, a.setPast(query, "end_time", "to", f.to)
}

func (a *app) printUsage(res *runtimev1.GetUsageResponse, f usageFlags) error {
	headings, layout := []string{"DAY"}, time.DateOnly
	if f.hourly {
		headings, layout = []string{"HOUR"}, "2006-01-02 15:04Z"
	}
	headings = append(headings, map[string][]string{
		"connector": {"CONNECTOR"}, "operation": {"CONNECTOR", "OPERATION"}, "connection": {"CONNECTOR", "CONNECTION"},
	}[f.by]...)
	out := a.listing(append(headings, "CALLS", "FAILED", "P50", "P99", "SENT", "RECEIVED")...)
	for _, u := range res.GetRows() {
		row := []string{u.GetStartTime().AsTime().UTC().Format(layout)}
		switch f.by {
		case "connector":
			row = append(row, u.GetConnector())
		case "operation":
			row = append(row, u.GetConnector(), u.GetOperationId())
		case "connection":
			row = append(row, u.GetConnector(), u.GetConnection())
		}
		row = append(row, strconv.FormatInt(u.GetCalls(), 10), failedShare(u), latency(u.GetLatencyP50()), latency(u.GetLatencyP99()),
			size(u.GetRequestBytes()), size(u.GetResponseBytes()))
		if err := out.add(u, row); err != nil {
			return err
		}
	}
	if res.GetTruncated() {
		a.progress("there are more rows than these; ask for a shorter time")
	}
	return out.end("nothing was called in that time")
}

// failedShare is how many calls of a hundred failed.
func failedShare(u *runtimev1.UsageRow) string {
	classes := u.GetStatusClasses()
	failed := classes["4xx"] + classes["5xx"] + classes["error"]
	if failed == 0 {
		return "0%"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(failed)/float64(max(u.GetCalls(), 1)))
}

// latency is a duration with as many digits as people compare.
func latency(d *durationpb.Duration) string {
	if d == nil {
		return "-"
	}
	switch t := d.AsDuration(); {
	case t >= time.Second:
		return t.Round(10 * time.Millisecond).String()
	case t >= time.Millisecond:
		return t.Round(100 * time.Microsecond).String()
	default:
		return t.Round(time.Microsecond).String()
	}
}

// size is a number of bytes as people read it.
func size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/(1<<10), "KiB"
	for _, larger := range []string{"MiB", "GiB", "TiB"} {
		if value < 1<<10 {
			break
		}
		value, unit = value/(1<<10), larger
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}
