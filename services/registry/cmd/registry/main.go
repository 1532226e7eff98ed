// Command registry runs the registry as a process of its own.
package main

import (
	"os"

	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/registry"
)

func main() {
	var cfg registry.Config
	os.Exit(service.Main(service.Spec{
		Name:    service.Registry,
		Summary: "Keeps connectors: imports descriptions of APIs and hands out their definitions.",
		Store:   true,
		Flags:   cfg.Flags,
		New:     func(p service.Process) (service.Service, error) { return registry.New(p.Env, cfg) },
	}))
}
