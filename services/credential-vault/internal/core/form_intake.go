package core

import (
	"maps"
	"slices"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/intake"
)

// passwordSuffix follows the name of a certificate in the name of the password
// that opens it. The password is not kept.
const passwordSuffix = ":password"

// The settings of a sign-in for a certificate and its password follow the name
// of the OAuth parameter.
const (
	signInCertificate = ":certificate"
	signInPassword    = ":certificatePassword"
)

// takeIn returns the answers with the secrets as they are kept: without the
// whitespace that came along when they were pasted, and certificates in the one
// form that the runtime reads. The second result are the secrets that it made,
// which the caller clears.
func (f form) takeIn(a answers, now time.Time) (answers, []secret.Text) {
	var made []secret.Text
	kept := map[string]secret.Text{}
	for _, name := range slices.Sorted(maps.Keys(a.secrets)) {
		value := a.secrets[name]
		if certificate, ok := f.certificateOf(name); ok {
			if sent := a.secrets[certificate]; !value.Empty() && sent.Empty() {
				a.wrong.add(secretPath(name), "is sent without its certificate "+quoted(certificate))
			}
			continue
		}
		fit, wrong := f.asKept(name, value, a.secrets, now)
		if wrong != "" {
			a.wrong.add(secretPath(name), wrong)
			fit = value // whatever else is wrong is to be found as well
		} else if !value.Empty() && !sameCell(fit, value) {
			made = append(made, fit)
		}
		kept[name] = fit
	}
	if a.secrets != nil {
		a.secrets = kept
	}
	return a, made
}

// sameCell reports whether two secrets are copies that are cleared together.
func sameCell(a, b secret.Text) bool { return a == b }

// certificateOf returns the certificate that a name is the password of.
func (f form) certificateOf(name string) (string, bool) {
	certificate, ok := strings.CutSuffix(name, passwordSuffix)
	if f.signIn.field(name) != nil {
		certificate, ok = strings.CutSuffix(name, signInPassword)
		certificate += signInCertificate
	}
	return certificate, ok && f.parameter(name) == nil && f.isCertificate(certificate)
}

// isCertificate reports whether a parameter, or a setting of the sign-in, holds a
// client certificate.
func (f form) isCertificate(name string) bool {
	if p := f.parameter(name); p != nil {
		return p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_CERTIFICATE
	}
	return f.signIn.field(name) != nil && name == f.signIn.Parameter+signInCertificate
}

// passwordOf returns what opens a certificate, empty if nothing was sent.
func (f form) passwordOf(certificate string, sent map[string]secret.Text) secret.Text {
	if own, ok := strings.CutSuffix(certificate, signInCertificate); ok && f.signIn.field(certificate) != nil {
		return sent[own+signInPassword]
	}
	return sent[certificate+passwordSuffix]
}

// asKept returns a secret as it is kept, and what is wrong with it.
func (f form) asKept(name string, value secret.Text, sent map[string]secret.Text, now time.Time) (secret.Text, string) {
	if value.Empty() || f.judgeSecret(name) != "" {
		return value, ""
	}
	if f.isCertificate(name) {
		return intake.Certificate(value, f.passwordOf(name, sent), now)
	}
	return intake.Text(value, useOf(f.set, name))
}

// useOf returns what the placements of a set do with a parameter.
func useOf(set *connectorv1.ParameterSet, name string) intake.Use {
	use := intake.Anything
	for _, p := range set.GetPlacements() {
		switch {
		case name == p.GetBasic().GetPasswordParameter(), name == p.GetDigest().GetPasswordParameter():
			return intake.Password
		case name == p.GetBearer().GetParameter(), name == p.GetAuthorization().GetParameter(),
			name == p.GetBasic().GetUsernameParameter(), name == p.GetDigest().GetUsernameParameter(),
			name == p.GetAwsSignature().GetAccessKeyParameter(), name == p.GetAwsSignature().GetSessionTokenParameter():
			use = intake.Header
		case name == p.GetApiKey().GetParameter() && p.GetApiKey().GetLocation() != connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY:
			use = intake.Header
		}
	}
	return use
}
