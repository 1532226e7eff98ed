package cache

import (
	"errors"
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// maxLife is the longest that an answer is given without asking again, whatever
// the API says.
const maxLife = 24 * time.Hour

// Rule is the connector's own word on the answers of an operation.
type Rule struct {
	// Explicit says that there is one; otherwise the API's header fields count.
	Explicit bool
	// MaxAge is how long a 2xx answer is good; 0 keeps none.
	MaxAge time.Duration
}

// Covers reports whether answers to a request may be kept at all: those to a safe
// method, or of an operation that is safe by the connector's word and has a rule
// of its own (RFC 9111, section 3, asks for the method to be understood).
func (r Rule) Covers(method string, safe bool) bool {
	if r.Explicit {
		return safe && r.MaxAge > 0
	}
	return method == http.MethodGet || method == http.MethodHead
}

// understood are the statuses whose meaning for a cache is known here. 206 is
// missing, since parts are not put together.
func understood(status int) bool {
	return slices.Contains([]int{200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501}, status)
}

// read returns what an answer says about itself, nil if it must not be kept.
func (r Rule) read(resp *upstream.Response, sent, now time.Time) *Found {
	if r.Explicit {
		if resp.Status < 200 || resp.Status > 299 || resp.Status == http.StatusPartialContent || r.MaxAge <= 0 {
			return nil
		}
		// How long is the connector's word, to whom is not: raw requests may ask for
		// another form of the same thing.
		varies, _ := varying(resp.Header["Vary"])
		f := &Found{varies: varies, life: min(r.MaxAge, maxLife), stored: now}
		if !slices.Contains(varies, "Accept") {
			f.form = formOf(resp.Header.Get("Content-Type"))
		}
		return f
	}
	if !understood(resp.Status) {
		return nil
	}
	said := parseControl(resp.Header["Cache-Control"])
	varies, ok := varying(resp.Header["Vary"])
	if _, never := said["no-store"]; never || !ok {
		return nil
	}
	_, ask := said["no-cache"]
	f := &Found{
		ETag: resp.Header.Get("Etag"), LastModified: resp.Header.Get("Last-Modified"),
		varies: varies, stored: now, revalid: ask, age: ageOf(resp.Header, sent, now),
	}
	f.life, ok = lifeOf(said, resp.Header, now)
	if seconds, given := said.seconds("stale-if-error"); given && !said.has("must-revalidate") {
		f.onFailure = min(seconds, maxLife)
	}
	if !ok && f.ETag == "" && f.LastModified == "" {
		return nil
	}
	return f
}

// Storable reports whether an answer may be kept, by its status and its header. It
// costs nothing for one that says nothing about its age, or that it must not be.
func (r Rule) Storable(status int, header http.Header) bool {
	if !r.Explicit && len(header["Cache-Control"]) == 0 && len(header["Expires"]) == 0 && len(header["Etag"]) == 0 && len(header["Last-Modified"]) == 0 {
		return false
	}
	if lines := header["Cache-Control"]; !r.Explicit && len(lines) == 1 && lines[0] == "no-store" { // as most say who say anything
		return false
	}
	var whenever time.Time // ages do not decide
	return r.read(&upstream.Response{Status: status, Header: header}, whenever, whenever) != nil
}

// lifeOf returns for how long an answer is fresh (RFC 9111, section 4.2.1), and
// whether it says so. This cache is a private one: s-maxage is not for it.
func lifeOf(said control, header http.Header, now time.Time) (time.Duration, bool) {
	if seconds, given := said.seconds("max-age"); given {
		return min(seconds, maxLife), true
	}
	expires := header.Values("Expires")
	if len(expires) == 0 {
		return 0, false
	}
	end, err := http.ParseTime(expires[0])
	if err != nil {
		return 0, true // "0" and the like mean the past (section 5.3)
	}
	from := now
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		from = date
	}
	return min(max(end.Sub(from), 0), maxLife), true
}

// ageOf returns how old an answer was when it arrived (RFC 9111, section 4.2.3).
func ageOf(header http.Header, sent, now time.Time) time.Duration {
	apparent := time.Duration(0)
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		apparent = max(now.Sub(date), 0)
	}
	told := max(now.Sub(sent), 0)
	if seconds, ok := deltaSeconds(strings.TrimSpace(header.Get("Age"))); ok {
		told += time.Duration(seconds) * time.Second
	}
	return max(apparent, told)
}

// varying returns the request fields that an answer depends on, canonical and
// sorted; not ok if it depends on more than the request.
func varying(lines []string) (names []string, ok bool) {
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			switch name = textproto.TrimString(name); name {
			case "":
			case "*":
				return nil, false
			default:
				names = append(names, textproto.CanonicalMIMEHeaderKey(name))
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// control are the directives of Cache-Control by lower-case name.
type control map[string]string

// parseControl reads the field (RFC 9111, section 5.2). Of a directive that is
// given twice the stricter counts for ages, as section 4.2.1 suggests.
func parseControl(lines []string) control {
	said := control{}
	for _, line := range lines {
		for line != "" {
			var name, value string
			name, value, line = directive(line)
			if name == "" {
				continue
			}
			if before, twice := said[name]; twice && smaller(before, value) {
				continue
			}
			said[name] = value
		}
	}
	return said
}

// directive cuts one directive off a line: a name, and a value that may be
// quoted.
func directive(line string) (name, value, rest string) {
	end := strings.IndexAny(line, ",=")
	if end < 0 {
		return strings.ToLower(textproto.TrimString(line)), "", ""
	}
	name = strings.ToLower(textproto.TrimString(line[:end]))
	if line[end] == ',' {
		return name, "", line[end+1:]
	}
	rest = strings.TrimLeft(line[end+1:], " \t")
	if strings.HasPrefix(rest, `"`) {
		value, rest, _ = strings.Cut(rest[1:], `"`)
		_, rest, _ = strings.Cut(rest, ",")
		return name, value, rest
	}
	value, rest, _ = strings.Cut(rest, ",")
	return name, textproto.TrimString(value), rest
}

func smaller(before, value string) bool {
	a, isA := deltaSeconds(before)
	b, isB := deltaSeconds(value)
	return isA && (!isB || a <= b)
}

func (c control) has(name string) bool {
	_, ok := c[name]
	return ok
}

// seconds returns the value of a directive. One that cannot be read is 0: what it
// allows is not understood.
func (c control) seconds(name string) (time.Duration, bool) {
	text, ok := c[name]
	if !ok {
		return 0, false
	}
	n, ok := deltaSeconds(text)
	if !ok {
		return 0, true
	}
	return time.Duration(min(n, uint64(maxLife/time.Second))) * time.Second, true
}

// deltaSeconds reads a number of seconds; what is too large is 2^31 (RFC 9111, section
// 1.2.2).
func deltaSeconds(text string) (uint64, bool) {
	const most = 1 << 31
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, false
	}
	return min(n, most), true
}
