// Command credential-vault runs the credential vault as a process of its own.
package main

import (
	"os"

	"github.com/ferrule-dev/ferrule/pkg/service"
	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
)

func main() {
	var cfg vault.Config
	os.Exit(service.Main(service.Spec{
		Name:    service.Vault,
		Summary: "Keeps connections and their secrets, and lends the secrets to the runtime.",
		Store:   true,
		Flags:   cfg.Flags,
		New:     func(p service.Process) (service.Service, error) { return vault.New(p.Env, cfg) },
	}))
}
