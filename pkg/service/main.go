package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/config"
	"github.com/ferrule-dev/ferrule/pkg/egress"
)

// Exit codes of the programs.
const (
	// exitFailed means that the program ran and failed.
	exitFailed = 1
	// exitUsage means that flags or variables were wrong.
	exitUsage = 2
)

// healthTimeout bounds one healthcheck.
const healthTimeout = 3 * time.Second

// Spec describes the program of one service.
type Spec struct {
	// Name is the service's name, one of the constants of this package.
	Name string
	// Summary is one sentence for --help.
	Summary string
	// Store is true if the service owns a store.
	Store bool
	// Public is true if the service's HTTP handler is served on the HTTP port,
	// for everybody. Otherwise it is served on the data port, for services.
	Public bool
	// Flags declares the service's own flags.
	Flags func(*pflag.FlagSet)
	// New builds the service when the flags have been read.
	New func(Process) (Service, error)
}

// Main runs a service as a program of its own until it is told to stop by
// SIGINT or SIGTERM, and returns the exit code: 0 after an orderly stop, 1 if
// something failed, 2 if it was called wrongly.
func Main(spec Spec) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, command(spec), os.Args[1:], os.Stderr)
}

func execute(ctx context.Context, cmd *cobra.Command, args []string, stderr io.Writer) int {
	cmd.SetArgs(args)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	_, _ = fmt.Fprintln(stderr, "error:", err)
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// usageError marks what the caller of a program did wrong.
type usageError struct{ error }

func command(spec Spec) *cobra.Command {
	var opts Options
	cmd := &cobra.Command{
		Use:           spec.Name,
		Short:         spec.Summary,
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := config.Apply(cmd.Flags(), os.LookupEnv); err != nil {
				return usageError{err}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return runProcess(cmd.Context(), spec, opts) },
	}
	opts.Flags(cmd.Flags())
	if spec.Flags != nil {
		spec.Flags(cmd.Flags())
	}
	config.Document(cmd.Flags())
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.AddCommand(healthcheck(&opts))
	return cmd
}

// healthcheck asks the running program on this machine whether it is ready. It
// is a part of the program because its container has no shell.
func healthcheck(opts *Options) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "healthcheck",
		Short: "Exit with 0 if the program that runs with the same settings is ready",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return askReady(cmd.Context(), opts.HTTPAddr)
		},
	}
	opts.Flags(cmd.Flags())
	return cmd
}

func askReady(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return usageError{fmt.Errorf("read --http-addr: %w", err)}
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsUnspecified() {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.PrefixFrom(ip, ip.BitLen())}})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(ip.String(), port)+"/readyz", nil)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	res, err := guard.Client(egress.ClientOptions{}).Do(req)
	if err != nil {
		return fmt.Errorf("ask for readiness: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		detail, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		return fmt.Errorf("not ready: %s", detail)
	}
	return nil
}
