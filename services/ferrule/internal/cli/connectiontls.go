package cli

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
)

// maxCAFile is how large a file of authorities may be; the server's own limit.
const maxCAFile = 64 << 10

// tlsFlags say how TLS to an API differs from the defaults.
type tlsFlags struct {
	caFile, minVersion string
	flags              *pflag.FlagSet
}

func (f *tlsFlags) declare(cmd *cobra.Command) {
	f.flags = cmd.Flags()
	f.flags.StringVar(&f.caFile, "ca-file", "", "PEM file with the authorities to trust instead of the public ones; empty for the public ones")
	f.flags.StringVar(&f.minVersion, "tls-min", "", "oldest version of TLS to speak, 1.2 or 1.3; empty for 1.2")
}

// given reports whether anything was said about TLS.
func (f *tlsFlags) given() bool { return f.flags.Changed("ca-file") || f.flags.Changed("tls-min") }

// settings returns what a connection has, with what was given in its place; nil if
// nothing differs from the defaults.
func (f *tlsFlags) settings(now *vaultv1.TlsSettings) (*vaultv1.TlsSettings, error) {
	out := &vaultv1.TlsSettings{CaCertificates: now.GetCaCertificates(), MinVersion: now.GetMinVersion()}
	if f.flags.Changed("tls-min") {
		if f.minVersion != "" && f.minVersion != "1.2" && f.minVersion != "1.3" {
			return nil, usage("--tls-min must be 1.2 or 1.3, not %q", f.minVersion)
		}
		out.MinVersion = f.minVersion
	}
	if f.flags.Changed("ca-file") {
		out.CaCertificates = ""
		if f.caFile != "" {
			data, err := readAuthorities(f.caFile)
			if err != nil {
				return nil, err
			}
			out.CaCertificates = string(data)
		}
	}
	if out.GetCaCertificates() == "" && out.GetMinVersion() == "" {
		return nil, nil //nolint:nilnil // the defaults are no settings
	}
	return out, nil
}

// readAuthorities reads a file that must hold certificates, and nothing secret.
func readAuthorities(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	if len(data) > maxCAFile {
		return nil, usage("%s has %d bytes; --ca-file takes at most %d", path, len(data), maxCAFile)
	}
	if strings.Contains(string(data), "PRIVATE KEY-----") {
		return nil, usage("%s holds a private key; --ca-file takes certificates only", path)
	}
	if len(authorities(string(data))) == 0 {
		return nil, usage("%s holds no certificate in PEM", path)
	}
	return data, nil
}

// authorities returns the names of the certificates in PEM text.
func authorities(text string) (names []string) {
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			names = append(names, c.Subject.String())
		}
	}
	return names
}

// tlsText says how TLS differs from the defaults; "" if it does not.
func tlsText(s *vaultv1.TlsSettings) string {
	var parts []string
	if s.GetCaCertificates() != "" {
		parts = append(parts, "trusts only "+strings.Join(authorities(s.GetCaCertificates()), "; "))
	}
	if s.GetMinVersion() != "" {
		parts = append(parts, "at least version "+s.GetMinVersion())
	}
	return strings.Join(parts, ", ")
}
