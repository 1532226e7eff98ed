// Command trigger runs the trigger service.
package main

import (
	"os"

	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/trigger"
)

func main() {
	var cfg trigger.Config
	os.Exit(service.Main(service.Spec{
		Name:    service.Trigger,
		Summary: "Turns what happens in APIs into events: polls, takes webhooks, delivers",
		Store:   true,
		Flags:   cfg.Flags,
		New:     func(p service.Process) (service.Service, error) { return trigger.New(p.Env, cfg) },
	}))
}
