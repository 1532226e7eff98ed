package api

import (
	"slices"

	"google.golang.org/protobuf/types/known/durationpb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// authorizationMessage returns a sign-in as callers see it.
func authorizationMessage(a core.Authorization) *vaultv1.Authorization {
	m := &vaultv1.Authorization{
		Name:             a.Name.String(),
		State:            authorizationState(a.State),
		AuthorizationUrl: a.URL,
		UserCode:         a.UserCode,
		CompleteUrl:      a.CompleteURL,
		RedirectUrl:      a.RedirectURL,
		Reason:           a.Reason,
		ApiOrigins:       originTexts(a.APIOrigins),
		ExpireTime:       timestamp(a.ExpireTime),
		CreateTime:       timestamp(a.CreateTime),
	}
	if a.PollInterval > 0 {
		m.PollInterval = durationpb.New(a.PollInterval)
	}
	if a.State == core.AuthorizationSucceeded {
		m.Identity = a.Identity // before, it would be that of somebody who has not confirmed
	}
	return m
}

// originTexts returns origins as people write them.
func originTexts(origins []core.Origin) []string {
	texts := make([]string, 0, len(origins))
	for _, o := range origins {
		texts = append(texts, o.String())
	}
	slices.Sort(texts)
	return texts
}

func authorizationState(s core.AuthorizationState) vaultv1.AuthorizationState {
	switch s {
	case core.AuthorizationPending:
		return vaultv1.AuthorizationState_AUTHORIZATION_STATE_PENDING
	case core.AuthorizationReceived:
		return vaultv1.AuthorizationState_AUTHORIZATION_STATE_RECEIVED
	case core.AuthorizationSucceeded:
		return vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED
	case core.AuthorizationFailed:
		return vaultv1.AuthorizationState_AUTHORIZATION_STATE_FAILED
	case core.AuthorizationUnspecified:
	}
	return vaultv1.AuthorizationState_AUTHORIZATION_STATE_UNSPECIFIED
}
