package service

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/pflag"
)

// Options are the settings that every service process has in common.
type Options struct {
	// GRPCAddr is where the gRPC server listens.
	GRPCAddr string
	// HTTPAddr is where the probes, the metrics and, in the gateway, the REST
	// edge are served.
	HTTPAddr string
	// DataAddr is where the runtime's data plane is served over mutual TLS;
	// empty serves none.
	DataAddr string
	// Data is the directory of the service's files.
	Data string
	// NATSURL is the address of the NATS server.
	NATSURL string
	// TLSDir is the directory with the authority and the certificates.
	TLSDir string
	// TokenKey is the file with the public key that verifies bearer tokens.
	TokenKey string
	// Peers are the gRPC addresses of the other services, by name.
	Peers Peers
	// AllowNetworks are networks, in CIDR form, that outbound connections may
	// reach although they are not public.
	AllowNetworks []string
	// LogLevel is "debug", "info", "warn" or "error".
	LogLevel string
	// LogFormat is "json" or "text".
	LogFormat string
	// TracesEndpoint is the URL of an OTLP/HTTP collector; empty exports none.
	TracesEndpoint string
	// StopTimeout bounds an orderly stop. Half of it is what services have to end what
	// they have begun; the vault needs 35 s if a provider is slow.
	StopTimeout time.Duration
}

// Peers are the gRPC addresses of the services.
type Peers struct {
	// Registry is where the registry listens.
	Registry string
	// Vault is where the credential vault listens.
	Vault string
	// Runtime is where the runtime proxy listens.
	Runtime string
	// Trigger is where the trigger service listens.
	Trigger string
}

// of returns the address of a service, empty if it has none.
func (p Peers) of(service string) string {
	return map[string]string{Registry: p.Registry, Vault: p.Vault, Runtime: p.Runtime, Trigger: p.Trigger}[service]
}

// Flags declares the flags of o with their defaults.
func (o *Options) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.GRPCAddr, "grpc-addr", ":9090", "address of the gRPC server")
	flags.StringVar(&o.HTTPAddr, "http-addr", ":8080", "address of /livez, /readyz and /metrics, and of the gateway's REST edge")
	flags.StringVar(&o.DataAddr, "data-addr", "", "address of the runtime's pass-through data plane (mutual TLS); empty serves none")
	flags.StringVar(&o.Data, "data", "/var/lib/ferrule", "directory of the service's own files")
	flags.StringVar(&o.NATSURL, "nats-url", "nats://nats:4222", "address of the NATS server")
	flags.StringVar(&o.TLSDir, "tls-dir", "/etc/ferrule/tls", "directory with the private authority and the services' certificates")
	flags.StringVar(&o.TokenKey, "token-key", "/etc/ferrule/token.pub", "public key that verifies bearer tokens")
	flags.StringVar(&o.Peers.Registry, "registry-addr", "registry:9090", "gRPC address of the registry")
	flags.StringVar(&o.Peers.Vault, "vault-addr", "credential-vault:9090", "gRPC address of the credential vault")
	flags.StringVar(&o.Peers.Runtime, "runtime-addr", "runtime-proxy:9090", "gRPC address of the runtime proxy")
	flags.StringVar(&o.Peers.Trigger, "trigger-addr", "trigger:9090", "gRPC address of the trigger service")
	flags.StringSliceVar(&o.AllowNetworks, "allow-network", nil, "private network (CIDR) that outbound connections may reach (repeatable)")
	flags.StringVar(&o.LogLevel, "log-level", "info", "lowest level that is logged: debug, info, warn or error")
	flags.StringVar(&o.LogFormat, "log-format", "json", "json or text")
	flags.StringVar(&o.TracesEndpoint, "traces-endpoint", "", "URL of an OTLP/HTTP collector for traces; empty exports none")
	flags.DurationVar(&o.StopTimeout, "stop-timeout", 80*time.Second, "longest time that an orderly stop may take")
}

// Networks parses AllowNetworks. All entries that cannot be parsed are named in
// the error.
func (o *Options) Networks() ([]netip.Prefix, error) {
	return ParseNetworks(o.AllowNetworks)
}

// ParseNetworks parses networks in CIDR form; a bare address means itself. All
// entries that cannot be parsed are named in the error.
func ParseNetworks(list []string) ([]netip.Prefix, error) {
	var faults []error
	networks := make([]netip.Prefix, 0, len(list))
	for _, text := range list {
		if addr, err := netip.ParseAddr(text); err == nil {
			networks = append(networks, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("network %q is not in CIDR form, such as 10.20.0.0/16", text))
			continue
		}
		networks = append(networks, network.Masked())
	}
	return networks, errors.Join(faults...)
}
