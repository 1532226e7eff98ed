package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// tokenFile is where "ferrule up" leaves the first token, in its data directory.
const tokenFile = "admin.token"

// defaultData is the data directory of "ferrule up".
func defaultData() string { return ".ferrule" }

// findToken returns the token that was given, or the one that a local server
// left in its data directory.
func (a *app) findToken() (string, error) {
	if a.token != "" {
		return strings.TrimSpace(a.token), nil
	}
	if !isLocal(a.server) {
		return "", usage("a token is needed for %s: set --token or FERRULE_TOKEN", a.server)
	}
	path := filepath.Join(a.data, tokenFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", usage("no token found: %s does not exist; start the server here (`ferrule up`), name its directory with --data, or set --token", path)
	}
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

func isLocal(server string) bool {
	u, err := url.Parse(server)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
