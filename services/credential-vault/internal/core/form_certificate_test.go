package core_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"software.sslmate.com/src/go-pkcs12"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// pkcs12File is a client certificate that holds until a time.
func pkcs12File(t *testing.T, until time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.AddDate(-1, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	file, err := pkcs12.Modern.WithIterations(1).Encode(key, leaf, nil, "canary")
	if err != nil {
		t.Fatal(err)
	}
	return string(file)
}

func TestACertificateIsKeptAsPEMAndItsPasswordIsNot(t *testing.T) {
	l := newLogin(t)
	l.defs.definitions["tls"] = &connectorv1.Definition{
		Servers: loginDefinition().GetServers(), ParameterSets: []*connectorv1.ParameterSet{{Name: "tls", Parameters: []*connectorv1.ConnectionParameter{
			{Name: "certificate", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE, Required: true},
		}}},
	}
	tls := func(d *core.Draft) { d.Connector.ID, d.ParameterSet, d.Parameters = "tls", "", nil }
	conn := l.connect(tls, func(d *core.Draft) {
		d.Secrets = texts("certificate", pkcs12File(t, l.clock.Now().AddDate(0, 1, 0)), "certificate:password", "canary")
	})
	if !cmp.Equal(conn.SecretNames, []string{"certificate"}) || conn.State != core.StateConnected {
		t.Errorf("got %+v", conn)
	}
	lent, err := l.lent()
	if err != nil || !strings.HasPrefix(lent["certificate"], "-----BEGIN PRIVATE KEY-----\n") || !strings.Contains(lent["certificate"], "-----BEGIN CERTIFICATE-----\n") {
		t.Errorf("the runtime gets %q, %v", lent, err)
	}
	_, err = l.edited(core.Edit{Secrets: texts("certificate", pkcs12File(t, l.clock.Now().AddDate(0, 0, -1)), "certificate:password", "canary")})
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if v := fault.From(err).Violations(); len(v) != 1 || v[0].Description != "expired on 2026-02-28" {
		t.Errorf("violations are %v", v)
	}
}

func TestACertificateOfAnOAuthClient(t *testing.T) {
	l := newLogin(t)
	c := l.client(func(d *core.ClientDraft) {
		d.Secrets = texts("certificate", pkcs12File(t, l.clock.Now().AddDate(0, 1, 0)), "certificate_password", "canary")
	})
	if !cmp.Equal(c.SecretNames, []string{"certificate"}) {
		t.Errorf("got %v", c.SecretNames)
	}
	_, err := l.editClient(core.ClientEdit{Secrets: texts("certificate", pkcs12File(t, l.clock.Now().AddDate(0, 1, 0)), "certificate_password", "wrong")})
	wantReason(t, err, fault.ReasonConnectionParametersInvalid)
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}
