// Command gateway runs the edge of the suite as a process of its own.
package main

import (
	"context"
	"os"

	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/gateway"
)

func main() {
	var cfg gateway.Config
	os.Exit(service.Main(service.Spec{
		Name:    service.Gateway,
		Summary: "The edge: REST, pass-through data plane and webhook ingress.",
		Public:  true,
		Flags:   cfg.Flags,
		New: func(p service.Process) (service.Service, error) {
			if err := cfg.Validate(); err != nil {
				return nil, err
			}
			passThrough, err := gateway.Remote(cfg.RuntimeData, p.ClientTLS(service.Runtime))
			if err != nil {
				return nil, err
			}
			return gateway.New(context.Background(), p.Env, gateway.Beside{PassThrough: passThrough})
		},
	}))
}
