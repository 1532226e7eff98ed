package infer

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// longNames are the options that have a letter.
var longNames = map[byte]string{
	'X': "request", 'H': "header", 'd': "data", 'F': "form", 'G': "get", 'u': "user", 'b': "cookie", 'A': "user-agent", 'e': "referer",
	'I': "head", 'k': "insecure", 'L': "location", 'x': "proxy", 'T': "upload-file", 'E': "cert", 'o': "output", 'O': "remote-name",
	's': "silent", 'S': "show-error", 'v': "verbose", 'i': "include", 'f': "fail", 'g': "globoff", 'm': "max-time", 'w': "write-out",
	'c': "cookie-jar", 'U': "proxy-user", 'r': "range", 'K': "config", 'N': "no-buffer", '#': "progress-bar", 'D': "dump-header",
	'C': "continue-at", 'y': "speed-time", 'Y': "speed-limit", 'z': "time-cond", 'Q': "quote", 't': "telnet-option", 'P': "ftp-port",
	'0': "http1.0", '1': "tlsv1", '2': "sslv2", '3': "sslv3", '4': "ipv4", '6': "ipv6", 'a': "append", 'B': "use-ascii", 'j': "junk-session-cookies",
	'J': "remote-header-name", 'l': "list-only", 'M': "manual", 'n': "netrc", 'p': "proxytunnel", 'q': "disable", 'R': "remote-time", 'V': "version", 'Z': "parallel", ':': "next",
}

// valueOptions are the options that are followed by a value, apart from those
// that mean something here.
const valueOptions = `abstract-unix-socket alt-svc cacert capath cert-type ciphers config connect-timeout connect-to
continue-at cookie-jar create-file-mode crlfile curves delegation dns-interface dns-ipv4-addr dns-ipv6-addr doh-url
dump-header egd-file engine etag-compare etag-save expect100-timeout ftp-account ftp-method ftp-port happy-eyeballs-timeout-ms
hostpubmd5 hsts interface keepalive-time key-type krb libcurl limit-rate local-port login-options mail-auth mail-from mail-rcpt
max-filesize max-redirs max-time netrc-file noproxy output output-dir parallel-max pass pinnedpubkey preproxy proto proto-default
proxy proxy-cacert proxy-cert proxy-header proxy-key proxy-pass proxy-user proxy1.0 quote random-file range rate resolve retry
retry-delay retry-max-time socks4 socks4a socks5 socks5-hostname speed-limit speed-time stderr telnet-option tls-max tls13-ciphers
time-cond trace trace-ascii unix-socket write-out service-name sasl-authzid tlspassword tlsuser tlsauthtype dns-servers ech
haproxy-clientip ip-tos ipfs-gateway keepalive-cnt knownhosts parallel-max-host postquote prequote proxy-capath proxy-cert-type
proxy-ciphers proxy-crlfile proxy-key-type proxy-pinnedpubkey proxy-service-name proxy-tls13-ciphers proxy-tlsauthtype
proxy-tlspassword proxy-tlsuser sigalgs socks5-gssapi-service ssl-sessions tftp-blksize trace-config upload-flags variable
vlan-priority`

// command reads a curl command.
func (in *inference) command(text string) (*request, error) {
	args, more, err := words(text)
	if err != nil {
		return nil, err
	}
	if more {
		in.report(format.Warning, CodeMoreIgnored, "infer them one by one", "there are several commands; only the first was looked at")
	}
	c := &curl{in: in, args: args, r: &request{}}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c.finish()
}

// curl is a command that is being read.
type curl struct {
	in   *inference
	args []string
	r    *request
	data []string // what options like --data add, joined by "&"
	// query is what --url-query adds to the URL.
	query []string
	json  strings.Builder
	get   bool // data goes into the query
	head  bool
	put   bool
	done  bool
}

func (c *curl) read() error {
	for len(c.args) > 0 && !c.done {
		arg := c.args[0]
		c.args = c.args[1:]
		switch {
		case arg == "--":
			for _, a := range c.args {
				c.url(a)
			}
			c.args = nil
		case strings.HasPrefix(arg, "--"):
			name, value, given := strings.Cut(arg[2:], "=")
			if err := c.option(name, value, given); err != nil {
				return err
			}
		case len(arg) > 1 && arg[0] == '-':
			if err := c.letters(arg[1:]); err != nil {
				return err
			}
		case arg != "":
			c.url(arg)
		}
	}
	return nil
}

// letters reads options like "-sXPOST": the first that has a value takes the
// rest.
func (c *curl) letters(letters string) error {
	for i := range len(letters) {
		name, ok := longNames[letters[i]]
		if !ok {
			c.ignored("-" + letters[i:i+1])
			continue
		}
		if takesValue(name) {
			rest := letters[i+1:]
			return c.option(name, strings.TrimPrefix(rest, "="), rest != "")
		}
		if err := c.option(name, "", false); err != nil {
			return err
		}
	}
	return nil
}

func takesValue(name string) bool {
	switch name {
	case "request", "header", "data", "data-ascii", "data-raw", "data-binary", "data-urlencode", "json", "form", "form-string", "user", "cookie",
		"user-agent", "referer", "url", "url-query", "upload-file", "cert", "key", "oauth2-bearer", "aws-sigv4", "request-target":
		return true
	default:
		return slices.Contains(strings.Fields(valueOptions), name)
	}
}

func (c *curl) option(name, value string, given bool) error {
	name = strings.TrimPrefix(name, "expand-") // its variables are placeholders
	if takesValue(name) && !given {
		if len(c.args) == 0 {
			return invalid("curl", "the option %.40q needs a value", name)
		}
		value, c.args = c.args[0], c.args[1:]
	}
	switch name {
	case "request":
		if !isToken(value) {
			return invalid("curl", "the method %.40q is not one; use GET, POST or the like", value)
		}
		c.r.method = value
	case "url":
		c.url(value)
	case "header":
		c.header(value)
	case "data", "data-ascii", "data-binary", "data-raw", "data-urlencode", "json", "url-query":
		c.addData(name, value)
	case "form", "form-string":
		c.form(name, value)
	case "get":
		c.get = true
	case "head":
		c.head = true
	case "upload-file":
		c.put, c.r.hasBody = true, true
		c.file(value)
	case "user", "oauth2-bearer", "digest", "cert", "key", "cookie", "aws-sigv4", "ntlm", "ntlm-wb", "negotiate":
		c.credential(name, value)
	case "next":
		c.done = true
		c.in.report(format.Warning, CodeMoreIgnored, "infer them one by one", "the command sends several requests; only the first was looked at")
	default:
		c.other(name)
	}
	return nil
}

// credential notes how the command authenticates, and forgets with what.
func (c *curl) credential(name, value string) {
	switch name {
	case "user":
		c.r.basic = true
	case "oauth2-bearer":
		c.r.bearer = true
	case "digest":
		c.r.digest = true
	case "aws-sigv4":
		c.r.sigv4 = scopeOf(value)
	case "ntlm", "ntlm-wb", "negotiate":
		c.r.unsupported = name
	case "cookie":
		if !strings.Contains(value, "=") {
			c.file("of cookies")
			return
		}
		c.r.headers = append(c.r.headers, header{"Cookie", value})
	default:
		c.r.certificate = true
	}
}

// other reads options that say nothing about the API. Those that only concern
// the screen are not worth a finding.
func (c *curl) other(name string) {
	switch name {
	case "location", "compressed", "silent", "show-error", "verbose", "include", "fail", "globoff", "output", "remote-name", "write-out",
		"progress-bar", "no-progress-meter", "fail-with-body", "basic", "user-agent", "referer", "max-time", "connect-timeout", "http1.1", "http2", "http1.0", "no-buffer":
	default:
		c.ignored("--" + name)
	}
}

func (c *curl) ignored(option string) {
	c.in.report(format.Info, CodeOptionIgnored, "", "the option %.60q was ignored; it says nothing about the API", option)
}

func (c *curl) file(value string) {
	c.in.report(format.Warning, CodeFileNotRead, "give the content instead", "the file %.100q was not read", strings.TrimPrefix(value, "@"))
}

func (c *curl) url(value string) {
	if c.r.url != "" {
		c.in.report(format.Warning, CodeMoreIgnored, "infer them one by one", "the command has several URLs; only the first was looked at")
		return
	}
	c.r.url = value
}

func (c *curl) header(value string) {
	if strings.HasPrefix(value, "@") {
		c.file(value)
		return
	}
	_, content, ok := strings.Cut(value, ":")
	switch {
	case ok && strings.TrimSpace(content) == "":
		// It stops curl from sending a header of its own.
	case !ok && strings.HasSuffix(value, ";"):
		c.r.headers = append(c.r.headers, parseHeaders([]string{strings.TrimSuffix(value, ";") + ":"})...)
	default:
		c.r.headers = append(c.r.headers, parseHeaders([]string{value})...)
	}
}

func (c *curl) addData(option, value string) {
	switch {
	case option == "data-urlencode":
		if i := strings.IndexAny(value, "=@"); i >= 0 && value[i] == '@' {
			c.file(value[i:])
			if i > 0 {
				c.data = append(c.data, value[:i]+"=")
			}
			break
		}
		c.data = append(c.data, encodedPair(value))
	case option == "url-query":
		c.query = append(c.query, encodedPair(value)) // the URL may still come
		return
	case option != "data-raw" && strings.HasPrefix(value, "@"):
		c.file(value)
	case option == "json":
		c.json.WriteString(value)
	default:
		c.data = append(c.data, value)
	}
	c.r.hasBody = true
	c.r.urlencoded = c.r.urlencoded || option != "json"
	if option == "json" && c.r.header("Content-Type") == "" {
		c.r.headers = append(c.r.headers, header{"Content-Type", "application/json"})
	}
}

// finish puts together what the options said.
func (c *curl) finish() (*request, error) {
	r := c.r
	if r.url == "" {
		return nil, invalid("curl", "the command has no URL")
	}
	for _, pair := range c.query {
		r.url = withQuery(r.url, pair)
	}
	body := strings.Join(c.data, "&")
	if c.json.Len() > 0 {
		body = c.json.String()
	}
	if len(body) > MaxBodyBytes {
		return nil, invalid("curl", "the body has %d bytes and at most %d are accepted; shorten it", len(body), MaxBodyBytes)
	}
	if c.get {
		r.url, r.hasBody, body = withQuery(r.url, body), false, ""
	}
	r.body = []byte(body)
	switch {
	case r.method != "":
	case c.head:
		r.method = "HEAD"
	case c.put:
		r.method = "PUT"
	case r.hasBody:
		r.method = "POST"
	default:
		r.method = "GET"
	}
	return r, nil
}

func withQuery(target, query string) string {
	if query == "" {
		return target
	}
	if strings.Contains(target, "?") {
		return target + "&" + query
	}
	return target + "?" + query
}
