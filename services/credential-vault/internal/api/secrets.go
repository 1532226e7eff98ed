package api

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// maxSecret is the greatest length of a secret in bytes.
const maxSecret = 64 << 10

// take moves the secrets out of a request, so that from here on nothing that
// prints the request prints them. Whoever calls it clears the result.
func take(sent map[string]string) (map[string]secret.Text, error) {
	defer clear(sent)
	tooLong := fault.Invalid(fault.ReasonInvalidArgument, "a secret is longer than %d bytes; see the violations", maxSecret)
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		if len(sent[name]) > maxSecret {
			tooLong = tooLong.Field("secrets["+strconv.Quote(name)+"]", fmt.Sprintf("is longer than %d bytes", maxSecret))
		}
	}
	if len(tooLong.Violations()) > 0 {
		return nil, tooLong
	}
	taken := make(map[string]secret.Text, len(sent))
	for name, value := range sent {
		taken[name] = secret.FromString(value)
	}
	return taken, nil
}

func clearAll(secrets map[string]secret.Text) {
	for _, value := range secrets {
		value.Clear()
	}
}
