package provider

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// maxURL is the size of an endpoint's URL in bytes.
const maxURL = 2048

var (
	label   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	port    = regexp.MustCompile(`^[0-9]{1,5}$`)
	segment = regexp.MustCompile(`^[A-Za-z0-9._~\-]{1,256}$`)
	// hostPart is what may become part of a host in the template of a package, a
	// port included.
	hostPart = regexp.MustCompile(`^[A-Za-z0-9.\-]{0,253}(:[0-9]{1,5})?$`)
	// pathPart is what may become part of a path there.
	pathPart = regexp.MustCompile(`^[A-Za-z0-9._~\-/]*$`)
)

// checkURL says what is wrong with the URL of an endpoint, "" if nothing is.
func checkURL(text string) string {
	if len(text) > maxURL {
		return "is too long for a URL"
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || strings.ContainsAny(text, " \\<>\"`^|{}") || control(text):
		return "is not a URL"
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "must be a URL that begins with https://"
	case u.User != nil:
		return "must be a URL without user name and password"
	case !hostName(u.Hostname()) || (u.Port() != "" && !port.MatchString(u.Port())):
		return "is a URL without a valid host"
	case slices.Contains(strings.Split(u.EscapedPath(), "/"), ".."):
		return "must be a URL without \"..\""
	}
	return ""
}

// loopback reports whether a host is this machine, where plain HTTP is harmless.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// hostName reports whether a text is a host name or an address.
func hostName(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if host == "" || len(host) > 253 {
		return false
	}
	for l := range strings.SplitSeq(strings.ToLower(host), ".") {
		if !label.MatchString(l) {
			return false
		}
	}
	return true
}

func control(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// normal returns the value of a setting as its placeholder needs it, or what is
// wrong with it.
func (s *Setting) normal(value string) (normal, wrong string) {
	switch s.Kind {
	case KindLabel:
		value = strings.ToLower(strings.TrimSuffix(bareHost(value), s.Suffix))
		if !label.MatchString(value) {
			return "", "must be one part of a host name: letters, digits and hyphens"
		}
	case KindHost:
		value = bareHost(value)
		host, after, withPort := strings.Cut(value, ":")
		if !hostName(host) || (withPort && !port.MatchString(after)) {
			return "", "must be a host name"
		}
	case KindURL:
		if !strings.Contains(value, "://") {
			value = "https://" + value
		}
		value = strings.TrimRight(value, "/")
		if wrong := checkURL(value); wrong != "" {
			return "", wrong
		}
		if strings.ContainsAny(value, "?#") {
			return "", "must be a URL without query and fragment"
		}
	case KindSegment:
		if !segment.MatchString(value) || value == "." || value == ".." {
			return "", "must be one part of a path: letters, digits, hyphens and dots"
		}
	case KindText, kindGrant, kindMethod:
		if control(value) {
			return "", "must not have control characters"
		}
	}
	if len(s.Allowed) > 0 && !slices.Contains(s.Allowed, value) {
		return "", "must be one of " + strings.Join(s.Allowed, ", ")
	}
	return value, ""
}

// bareHost cuts a URL down to its host.
func bareHost(value string) string {
	if scheme, rest, ok := strings.Cut(value, "://"); ok && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")) {
		value = rest
	}
	return strings.ToLower(strings.TrimSuffix(value, "/"))
}

// filler completes the URL of an endpoint.
type filler struct {
	values   *values
	problems *problems
	field    string
	done     strings.Builder
}

// fill returns an endpoint's URL without placeholders, "" if something is wrong.
// Values are judged by where they stand: none of them can leave its place.
func (v *values) fill(p *problems, field, template string) string {
	if template == "" {
		return ""
	}
	f := &filler{values: v, problems: &problems{}, field: field}
	rest := template
	for {
		at := placeholder.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		f.done.WriteString(rest[:at[0]])
		f.done.WriteString(f.value(rest[at[2]:at[3]]))
		rest = rest[at[1]:]
	}
	f.done.WriteString(rest)
	if len(f.problems.list) == 0 {
		if wrong := checkURL(f.done.String()); wrong != "" {
			f.problems.add(field, wrong)
		}
	}
	for _, found := range f.problems.list {
		p.add(found.Field, found.Description)
	}
	if len(f.problems.list) > 0 {
		return ""
	}
	return f.done.String()
}

// value returns what a placeholder stands for at the place that has been reached.
func (f *filler) value(name string) string {
	if f.values.isSecret(name) {
		f.problems.add(f.field, "must not have the secret "+name+" in it: URLs are logged")
		return ""
	}
	if s := f.values.src.setting(name); s != nil {
		return f.values.setting(f.problems, s)
	}
	value := f.values.placeholder(name)
	done := f.done.String()
	_, after, begun := strings.Cut(done, "://")
	wrong := ""
	switch {
	case len(value) > maxURL:
		wrong = "is too long"
	case done == "":
		value = strings.TrimRight(value, "/") // the whole is judged as a URL
	case !begun || !strings.ContainsAny(after, "/?#"):
		if !hostPart.MatchString(value) {
			wrong = "must hold nothing but a part of a host name"
		}
	case strings.Contains(after, "?"):
		value = url.QueryEscape(value)
	case !pathPart.MatchString(value):
		wrong = "must hold nothing but a part of a path"
	case strings.Contains(value, "/") && f.values.steers(name, value):
		wrong = "must hold one part of a path with the connector's client, whose secrets would go elsewhere: bring a client of your own"
	}
	if wrong != "" {
		f.problems.add(f.values.field(name), wrong)
		return ""
	}
	return value
}

// setting returns the value of a preset's setting.
func (v *values) setting(p *problems, s *Setting) string {
	value := v.get(s.Name)
	if value == "" {
		if !s.Optional {
			p.add(v.field(s.Name), "is missing: "+s.Description)
		}
		return ""
	}
	if len(value) > maxValue {
		p.add(v.field(s.Name), "is too long")
		return ""
	}
	value, wrong := s.normal(value)
	if wrong != "" {
		p.add(v.field(s.Name), wrong)
	}
	return value
}
