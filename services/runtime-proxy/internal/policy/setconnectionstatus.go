package policy

import (
	"context"
	"strconv"
	"strings"
)

// setConnectionStatusToUnauthenticated tells Exchange.Unauthenticated when the
// API answers with a certain status.
func setConnectionStatusToUnauthenticated(s settings) (Step, error) {
	status, err := strconv.Atoi(strings.TrimSpace(s.get("statusCode")))
	if err != nil || status < 100 || status > 599 {
		return nil, problem("statusCode must be a status between 100 and 599")
	}
	return func(_ context.Context, e *Exchange) error {
		if e.Response.Status == status && e.Unauthenticated != nil {
			e.Unauthenticated(status)
		}
		return nil
	}, nil
}
