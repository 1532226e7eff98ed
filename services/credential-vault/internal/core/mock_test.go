package core_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// mocked is a draft of a mock, without anything else.
func mocked(d *core.Draft) { d.Mock, d.Parameters, d.Secrets = true, nil, nil }

func TestAMockNeedsNothingAndLeadsNowhere(t *testing.T) {
	r := newRig(t)
	got := r.create(ann(), mocked)
	if !got.Mock || got.State != core.StateConnected || len(got.Origins) != 0 || len(got.SecretNames) != 0 {
		t.Errorf("got %+v", got)
	}
	values, lent, err := r.resolve(through("runtime-proxy", ann()), got.Name.ID)
	if err != nil || len(values) != 0 || len(lent.Origins) != 0 || !lent.Connection.Mock {
		t.Errorf("lent %v for %v, %v", values, lent.Origins, err)
	}
	after, err := r.vault.Update(t.Context(), ann(), core.Edit{Name: got.Name, Fields: []core.Field{core.FieldDisplayName}, DisplayName: "tried"})
	if err != nil || !after.Mock || after.DisplayName != "tried" {
		t.Errorf("after an edit %+v, %v", after, err)
	}
}

func TestAMockTakesNoValues(t *testing.T) {
	for title, change := range map[string]func(*core.Draft){
		"a parameter":                     func(d *core.Draft) { d.Parameters = map[string]string{"user": "ann"} },
		"a secret":                        func(d *core.Draft) { d.Secrets = texts("password", "pw") },
		"a server url":                    func(d *core.Draft) { d.ServerURL = "https://api.crm.example" },
		"TLS settings":                    func(d *core.Draft) { d.TLS.MinVersion = "1.3" },
		"a parameter set that is unknown": func(d *core.Draft) { d.ParameterSet = "none of them" },
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			d := draft()
			mocked(&d)
			change(&d)
			_, err := r.vault.Create(t.Context(), ann(), d)
			if fault.ReasonOf(err) != fault.ReasonConnectionParametersInvalid {
				t.Errorf("error = %v", err)
			}
		})
	}
}

// authority returns the certificate of a new authority in PEM.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func TestTLSSettingsOfAConnection(t *testing.T) {
	ca := authority(t)
	for _, row := range []struct {
		title    string
		settings core.TLSSettings
		field    string // refused for; empty for accepted
	}{
		{"nothing", core.TLSSettings{}, ""},
		{"a private authority and the newest version", core.TLSSettings{CACertificates: ca, MinVersion: "1.3"}, ""},
		{"two authorities with text around", core.TLSSettings{CACertificates: "\n" + ca + "\n" + ca + "\n"}, ""},
		{"a version that is too old", core.TLSSettings{MinVersion: "1.1"}, "connection.tls.min_version"},
		{"no PEM", core.TLSSettings{CACertificates: "trust me"}, "connection.tls.ca_certificates"},
		{"something after the certificates", core.TLSSettings{CACertificates: ca + "junk"}, "connection.tls.ca_certificates"},
		{"a private key", core.TLSSettings{CACertificates: strings.ReplaceAll(ca, "CERTIFICATE", "PRIVATE KEY")}, "connection.tls.ca_certificates"},
		{"a certificate that is none", core.TLSSettings{CACertificates: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "connection.tls.ca_certificates"},
		{"too much of it", core.TLSSettings{CACertificates: strings.Repeat(" ", 64<<10) + ca}, "connection.tls.ca_certificates"},
	} {
		t.Run(row.title, func(t *testing.T) {
			r := newRig(t)
			d := draft()
			d.TLS = row.settings
			got, err := r.vault.Create(t.Context(), ann(), d)
			if row.field == "" {
				if err != nil || got.TLS != row.settings {
					t.Errorf("got %+v, %v", got.TLS, err)
				}
				return
			}
			if violations := fault.From(err).Violations(); len(violations) != 1 || violations[0].Field != row.field {
				t.Errorf("error = %v, %v", err, violations)
			}
		})
	}
}

func TestTLSSettingsCanBeChangedAndAreStored(t *testing.T) {
	r := newRig(t)
	conn := r.create(ann())
	want := core.TLSSettings{CACertificates: authority(t), MinVersion: "1.3"}
	if _, err := r.vault.Update(t.Context(), ann(), core.Edit{Name: conn.Name, Fields: []core.Field{core.FieldTLS}, TLS: want}); err != nil {
		t.Fatal(err)
	}
	got, err := r.vault.Get(t.Context(), ann(), conn.Name)
	if err != nil || got.TLS != want {
		t.Errorf("stored is %+v, %v", got.TLS, err)
	}
}

func TestEveryLeaseOfAConnectionHasTheSameLinkKey(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	r.create(bob(), func(d *core.Draft) { d.ID = "crm-2" })
	key := func(caller core.Caller, id string) []byte {
		_, lent, err := r.resolve(through("runtime-proxy", caller), id)
		if err != nil {
			t.Fatal(err)
		}
		return lent.LinkKey
	}
	first, again, other := key(ann(), "crm-1"), key(ann(), "crm-1"), key(bob(), "crm-2")
	if len(first) == 0 || !bytes.Equal(first, again) || bytes.Equal(first, other) {
		t.Errorf("keys are %q, %q and %q", first, again, other)
	}
}
