package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) status() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Say whether the server is ready, and if not, why",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := rest.New(a.server, "")
			if err != nil {
				return usageError{err}
			}
			res, err := client.Do(cmd.Context(), http.MethodGet, "/readyz", nil, nil)
			if err != nil {
				return err
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
			if err != nil {
				return fmt.Errorf("read status: %w", err)
			}
			return a.printStatus(res.StatusCode, body)
		},
	}
}

func (a *app) printStatus(code int, body []byte) error {
	if a.json() {
		a.printf("%s\n", strings.TrimSpace(string(body)))
	}
	var report struct {
		Failing []string `json:"failing"`
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return fmt.Errorf("read status (is %s a Ferrule server?): %w", a.server, err)
	}
	if code != http.StatusOK {
		if !a.json() {
			a.printf("%s is not ready; failing: %s\n", a.server, strings.Join(report.Failing, ", "))
		}
		return errReported
	}
	if !a.json() {
		a.printf("%s is ready\n", a.server)
	}
	return nil
}
