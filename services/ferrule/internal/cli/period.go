package cli

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// period is the value of a flag that is a length of time: what Go writes, such as
// 90s or 1h30m, or whole days, such as 30d.
type period time.Duration

// String implements pflag.Value. Nothing is written as nothing, so that help shows
// no default where there is none.
func (p *period) String() string {
	if *p == 0 {
		return ""
	}
	return time.Duration(*p).String()
}

// Set implements pflag.Value.
func (p *period) Set(text string) error {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		const most = 10_000 // more than the server takes anywhere, and no overflow
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > most {
			return fmt.Errorf("%q is no number of days; write 30d, or 12h", text)
		}
		*p = period(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("%q is no length of time; write 90s, 10m, 12h or 30d", text)
	}
	*p = period(d)
	return nil
}

// Type implements pflag.Value.
func (p *period) Type() string { return "duration" }

func (p *period) proto() *durationpb.Duration { return durationpb.New(time.Duration(*p)) }

// periodText writes a length of time as a person would give it: 500d, 1h30m, 10s.
func periodText(d time.Duration) string {
	const day = 24 * time.Hour
	if d > 0 && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// timeToCome reads a time of the future: RFC 3339, or how far ahead it is. Nothing
// is no time.
func (a *app) timeToCome(flag, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	var ahead period
	if ahead.Set(text) == nil {
		return timestamppb.New(a.clock.Now().Add(time.Duration(ahead))), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usage("--%s takes a time such as 2026-05-01T12:00:00Z, or how far ahead it is, such as 2h or 30d, not %q", flag, text)
	}
	return timestamppb.New(t), nil
}

// pastTime reads a flag that names a time: RFC 3339, or how long ago. Nothing is
// no time.
func pastTime(flag, text string, now time.Time) (string, error) {
	if text == "" {
		return "", nil
	}
	var ago period
	if ago.Set(text) == nil {
		return now.Add(-time.Duration(ago)).UTC().Format(time.RFC3339Nano), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return "", usage("--%s takes a time such as 2026-05-01T12:00:00Z (RFC 3339) or how long ago, such as 10m or 7d, not %q", flag, text)
	}
	return t.UTC().Format(time.RFC3339Nano), nil
}

// setPast puts the time of the past that a flag names into a query; nothing if it
// names none.
func (a *app) setPast(query url.Values, field, flag, text string) error {
	text, err := pastTime(flag, text, a.clock.Now())
	if text != "" {
		query.Set(field, text)
	}
	return err
}
