// Command runtime-proxy runs the runtime as a service of its own.
package main

import (
	"os"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/pkg/service"
	runtimeproxy "github.com/ferrule-dev/ferrule/services/runtime-proxy"
)

func main() {
	sandbox.Main() // does not return in a process that runs custom code
	var cfg runtimeproxy.Config
	os.Exit(service.Main(service.Spec{
		Name:    service.Runtime,
		Summary: "Executes operations of connectors, with the credentials of connections",
		Flags:   cfg.Flags,
		New: func(p service.Process) (service.Service, error) {
			return runtimeproxy.New(p.Env, cfg)
		},
	}))
}
