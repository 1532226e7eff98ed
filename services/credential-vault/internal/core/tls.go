package core

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// maxAuthorities is the longest PEM text of trusted authorities in bytes.
const maxAuthorities = 64 << 10

// TLSSettings say how TLS to an API differs from the defaults. Nothing in them is
// secret.
type TLSSettings struct {
	// CACertificates are the authorities to trust instead of the public ones, in
	// PEM; empty for the public ones.
	CACertificates string
	// MinVersion is the oldest version, "1.2" or "1.3"; empty for "1.2".
	MinVersion string
}

// check refuses settings that no connection could be made with.
func (s TLSSettings) check() error {
	refuse := func(field, format string, args ...any) error {
		f := fault.Invalid(fault.ReasonConnectionParametersInvalid, format, args...)
		return f.Field("connection.tls."+field, f.Message())
	}
	if !slices.Contains([]string{"", "1.2", "1.3"}, s.MinVersion) {
		return refuse("min_version", "the oldest TLS version is %q; it can be 1.2 or 1.3", s.MinVersion)
	}
	if len(s.CACertificates) > maxAuthorities {
		return refuse("ca_certificates", "the certificates of the authorities take %d bytes and may take %d; give only those that sign the API's certificate",
			len(s.CACertificates), maxAuthorities)
	}
	rest := []byte(strings.TrimSpace(s.CACertificates))
	for number := 1; len(rest) > 0; number++ {
		block, after := pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" {
			return refuse("ca_certificates", "part %d of the certificates of the authorities is no certificate in PEM; it begins with -----BEGIN CERTIFICATE-----", number)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return refuse("ca_certificates", "part %d of the certificates of the authorities cannot be read; export it again as PEM", number)
		}
		rest = []byte(strings.TrimSpace(string(after)))
	}
	return nil
}
