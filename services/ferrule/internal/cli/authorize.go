package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/loopback"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// watchEvery is how often the server is asked how far a sign-in has come.
const watchEvery = time.Second

// signInFlags are the options of every command that signs in.
type signInFlags struct {
	noBrowser bool
	loginHint string
	scopes    []string
}

func (f *signInFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.noBrowser, "no-browser", false, "print the provider's page instead of opening it, and ask for the code that it ends with")
	flags.StringVar(&f.loginHint, "login-hint", "", "account that the provider should suggest")
	flags.StringArrayVar(&f.scopes, "scope", nil, "scope to ask for besides those of the connector (repeatable)")
}

func (a *app) authorize() *cobra.Command {
	var how signInFlags
	var untested bool
	cmd := &cobra.Command{
		Use:   "authorize CONNECTION",
		Short: "Sign in at the provider for a connection of yours",
		Long: `Authorize opens the provider's page in your browser, waits until you have signed
in, and tests the connection. It is needed again when the provider has withdrawn
its permission: "ferrule connections" shows "needs authorization" then.

On a machine without a browser use --no-browser: open the page anywhere, and enter
the code that it ends with.

The token is used at the API that the connection was made for, which is shown. If the
connector leads elsewhere by now, you are asked to say so first, with
"ferrule connections update".`,
		Example: "  ferrule authorize mail\n  ferrule authorize mail --no-browser",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name := a.resource("connections", args[0])
			if err := a.signIn(cmd.Context(), client, name, how); err != nil || untested {
				return err
			}
			return a.testConnection(cmd.Context(), client, name)
		},
	}
	how.declare(cmd)
	cmd.Flags().BoolVar(&untested, "no-test", false, "do not test the connection")
	return cmd
}

func (a *app) revoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke CONNECTION",
		Short: "Give the permission of a connection back to its provider",
		Long: `Revoke asks the provider to forget what it granted, where it can do that, and
destroys the tokens. The connection stays and can be authorized again.`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var connection vaultv1.Connection
			name := a.resource("connections", args[0])
			req := &vaultv1.RevokeAuthorizationRequest{Name: name}
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(name)+":revoke", nil, req, &connection); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&connection)
			}
			a.printf("revoked %s (%s)\n", id(name), enumWord(connection.GetState(), "CONNECTION_STATE_"))
			if why := connection.GetStateReason(); why != "" {
				a.printf("  %s\n", why)
			}
			return nil
		},
	}
}

// signIn does what it takes to give a connection its grant: nothing that a person
// sees, a page in the browser, or a code to type in somewhere else.
func (a *app) signIn(ctx context.Context, client *rest.Client, connection string, how signInFlags) error {
	var back *loopback.Listener
	req := &vaultv1.StartAuthorizationRequest{Parent: connection, LoginHint: how.loginHint, ExtraScopes: how.scopes}
	if !how.noBrowser {
		var err error
		if back, err = loopback.Listen(); err != nil {
			return err
		}
		defer back.Close()
		req.ReturnUrl = back.URL()
	}
	var auth vaultv1.Authorization
	if err := client.Call(ctx, http.MethodPost, rest.Path(connection)+":authorize", nil, req, &auth); err != nil {
		return err
	}
	a.tellRedirect(auth.GetRedirectUrl())
	a.tellDestination(connection, &auth)
	switch {
	case auth.GetState() == vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED:
		a.progress("the provider gave a token; nobody has to sign in")
		return nil
	case auth.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_PENDING:
		return a.signedIn(&auth)
	case auth.GetUserCode() != "":
		return a.signInElsewhere(ctx, client, &auth)
	case back == nil:
		return a.signInByHand(ctx, client, &auth)
	}
	if auth.GetRedirectUrl() != "" && a.attended() && !a.registered() {
		return usage("the sign-in ends by itself; run the command again when the redirect URL is registered")
	}
	return a.signInHere(ctx, client, &auth, back)
}

// registered asks whether the redirect URL of a client of one's own is registered: the
// provider's page would only show an error before.
func (a *app) registered() bool {
	a.progress("press Enter when it is registered there, and the provider's page opens (Ctrl-C gives up)")
	_, err := bufio.NewReader(io.LimitReader(a.In, maxInput)).ReadString('\n')
	return err == nil
}

// tellDestination says where the token of a sign-in will be sent: nobody should sign in
// for an API that he does not mean.
func (a *app) tellDestination(connection string, auth *vaultv1.Authorization) {
	if origins := auth.GetApiOrigins(); len(origins) > 0 {
		a.progress("%s is for %s: the token goes there and nowhere else", id(connection), strings.Join(origins, ", "))
	}
}

// tellRedirect says what has to be registered for a client id that is the person's
// own; nothing if none is.
func (a *app) tellRedirect(url string) {
	if url != "" {
		a.progress("the client id is your own: the provider has to know the redirect URL %s", url)
	}
}

// signInHere opens the browser of this machine, which comes back to us with the
// confirmation.
func (a *app) signInHere(ctx context.Context, client *rest.Client, auth *vaultv1.Authorization, back *loopback.Listener) error {
	a.progress("sign in on the page that opens in your browser; if none does, open\n\n  %s\n", auth.GetAuthorizationUrl())
	if err := a.openBrowser(auth.GetAuthorizationUrl()); err != nil {
		a.progress("no browser could be opened (%v)", err)
	}
	a.progress("waiting for you to sign in, until %s (Ctrl-C gives up)", auth.GetExpireTime().AsTime().Local().Format(time.TimeOnly))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() { failed <- a.watch(ctx, client, auth.GetName()) }()
	select {
	case answer := <-back.Answers():
		if answer.Error != "" {
			return a.failedSignIn(ctx, client, auth.GetName(), answer.Error)
		}
		return a.confirm(ctx, client, auth.GetName(), answer.Confirmation)
	case err := <-failed:
		return err
	}
}

// watch returns when a sign-in has ended without us, and why, or when the server
// is away for too long.
func (a *app) watch(ctx context.Context, client *rest.Client, name string) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.clock.After(watchEvery):
		}
		var auth vaultv1.Authorization
		err := a.patiently(ctx, func() error { return client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, &auth) })
		if err != nil {
			return err
		}
		if auth.GetState() == vaultv1.AuthorizationState_AUTHORIZATION_STATE_FAILED {
			return a.signedIn(&auth)
		}
	}
}

// signInByHand asks for the code that the last page shows.
func (a *app) signInByHand(ctx context.Context, client *rest.Client, auth *vaultv1.Authorization) error {
	a.progress("open this page, sign in, and enter the code that you are shown at the end:\n\n  %s\n", auth.GetAuthorizationUrl())
	reader := bufio.NewReader(a.In)
	for {
		a.progress("confirmation code:")
		line, err := reader.ReadString('\n')
		code := strings.TrimSpace(line)
		if code == "" && err != nil {
			return usage("no confirmation code was entered; the sign-in ends by itself")
		}
		if code == "" {
			continue
		}
		err = a.confirm(ctx, client, auth.GetName(), code)
		if f := new(fault.Error); !errors.As(err, &f) || f.Code() != fault.CodeInvalidArgument {
			return err
		}
		a.progress("%v", fault.From(err).Message())
	}
}

// signInElsewhere shows a code to type in on any device, and waits.
func (a *app) signInElsewhere(ctx context.Context, client *rest.Client, auth *vaultv1.Authorization) error {
	a.progress("on any device open\n\n  %s\n\nand enter the code\n\n  %s\n", auth.GetAuthorizationUrl(), auth.GetUserCode())
	if auth.GetCompleteUrl() != "" {
		a.progress("or open %s", auth.GetCompleteUrl())
	}
	a.progress("waiting until %s (Ctrl-C gives up)", auth.GetExpireTime().AsTime().Local().Format(time.TimeOnly))
	for auth.GetState() == vaultv1.AuthorizationState_AUTHORIZATION_STATE_PENDING {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.clock.After(max(auth.GetPollInterval().AsDuration(), watchEvery)):
		}
		if err := a.patiently(ctx, func() error { return a.complete(ctx, client, auth, "") }); err != nil {
			return err
		}
	}
	return a.signedIn(auth)
}

// confirm ends a sign-in with what the browser was given. Of a sign-in that is
// confirmed already the server says how it ended.
func (a *app) confirm(ctx context.Context, client *rest.Client, name, confirmation string) error {
	auth := &vaultv1.Authorization{Name: name}
	if err := a.patiently(ctx, func() error { return a.complete(ctx, client, auth, confirmation) }); err != nil {
		return err
	}
	return a.signedIn(auth)
}

func (a *app) complete(ctx context.Context, client *rest.Client, auth *vaultv1.Authorization, confirmation string) error {
	req := &vaultv1.CompleteAuthorizationRequest{Name: auth.GetName(), Confirmation: confirmation}
	return client.Call(ctx, http.MethodPost, rest.Path(auth.GetName())+":complete", nil, req, auth)
}

// failedSignIn reads why a sign-in failed; the browser was told only roughly.
func (a *app) failedSignIn(ctx context.Context, client *rest.Client, name, word string) error {
	var auth vaultv1.Authorization
	if err := client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, &auth); err != nil || auth.GetReason() == "" {
		return fault.Precondition(fault.ReasonAuthorizationFailed, "the sign-in failed (%s); run the command again", word)
	}
	return a.signedIn(&auth)
}

// signedIn reports how a sign-in ended.
func (a *app) signedIn(auth *vaultv1.Authorization) error {
	if auth.GetState() != vaultv1.AuthorizationState_AUTHORIZATION_STATE_SUCCEEDED {
		return fault.Precondition(fault.ReasonAuthorizationFailed, "the sign-in failed: %s", auth.GetReason())
	}
	who := ""
	if auth.GetIdentity() != "" {
		who = fmt.Sprintf(" as %s", auth.GetIdentity())
	}
	a.progress("signed in%s", who)
	return nil
}

// errNoBrowser is for programs that were given none.
var errNoBrowser = errors.New("there is none on this machine")

func (a *app) openBrowser(page string) error {
	if a.Browser == nil {
		return errNoBrowser
	}
	return a.Browser(page)
}
