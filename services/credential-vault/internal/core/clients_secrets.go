package core

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/intake"
)

// clientSecrets returns the secrets as they are kept, and those of them that it
// made, which the caller clears.
func (v *Vault) clientSecrets(sent map[string]secret.Text) (kept map[string]secret.Text, made []secret.Text, err error) {
	wrong := violations{}
	kept = map[string]secret.Text{}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		value, what := sent[name], ""
		fit := value
		switch {
		case name == certificatePassword:
			continue
		case name != ClientSecret && name != ClientKey && name != ClientCertificate:
			what = "is unknown: client_secret, private_key, certificate and certificate_password are accepted" +
				nearest.Hint(name, []string{ClientSecret, ClientKey, ClientCertificate, certificatePassword})
		case value.Empty():
		case name == ClientCertificate:
			fit, what = intake.Certificate(value, sent[certificatePassword], v.clock.Now())
		case name == ClientSecret:
			fit, what = intake.Text(value, intake.Header)
		default:
			if fit, what = intake.Text(value, intake.Anything); what == "" {
				what = unreadable(fit)
			}
		}
		wrong.add(secretPath(name), what)
		if what == "" && fit != value {
			made = append(made, fit)
		}
		kept[name] = fit
	}
	return kept, made, wrong.describe("the secrets of the OAuth client cannot be used; see the violations")
}

// namesOf returns the names of the secrets that there are when those sent have
// replaced or removed those before.
func namesOf(sent map[string]secret.Text, before []string) []string {
	names := slices.DeleteFunc(slices.Clone(before), func(name string) bool {
		_, again := sent[name]
		return again
	})
	for name, value := range sent {
		if !value.Empty() {
			names = append(names, name)
		}
	}
	return names
}

func clearTexts(made []secret.Text) {
	for _, s := range made {
		s.Clear()
	}
}

// sealClient encrypts the secrets of a client that are not empty.
func (v *Vault) sealClient(ctx context.Context, c OAuthClient, secrets map[string]secret.Text) ([]Sealed, error) {
	sealed := []Sealed{}
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		if secrets[name].Empty() {
			continue
		}
		blob, err := v.sealer.Seal(ctx, c.place(name, c.Etag()), secrets[name])
		if err != nil {
			return nil, fmt.Errorf("encrypt %q of %s: %w", name, c.Name, err)
		}
		sealed = append(sealed, Sealed{Parameter: name, Version: c.Etag(), Blob: blob})
	}
	return sealed, nil
}
