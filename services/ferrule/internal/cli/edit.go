package cli

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// editFlags are the flags of edit.
type editFlags struct {
	file          string
	mask          []string
	publish       bool
	allowBreaking bool
	dryRun        bool
}

func (a *app) edit() *cobra.Command {
	var f editFlags
	cmd := &cobra.Command{
		Use:   "edit CONNECTOR",
		Short: "Change the definition of a connector",
		Long: `Edit changes the definition of a connector's latest revision and keeps the result
as a new draft. It opens the definition in the editor that $VISUAL or $EDITOR
names; with --file it takes the changed definition from a file.

--mask names what is replaced and leaves everything else alone: "info.title",
"servers", "operations.GetItem", "operations.GetItem.summary". Something that the
mask names and the file does not have is removed.`,
		Example: `  ferrule edit inventory
  ferrule export inventory@latest --format ferrule -o inventory.json
  ferrule edit inventory --file inventory.json
  ferrule edit inventory --file inventory.json --mask operations.GetItem --publish`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.file == "" && len(f.mask) > 0 {
				return usage("--mask needs --file: %s", cmd.UseLine())
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			return a.editConnector(cmd.Context(), client, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "file", "", "file with the changed definition; - for standard input")
	flags.StringArrayVar(&f.mask, "mask", nil, "replace only this part of the definition (repeatable)")
	flags.BoolVar(&f.publish, "publish", false, "publish the new revision at once")
	flags.BoolVar(&f.allowBreaking, "allow-breaking", false, "publish also what breaks callers, or refuses calls")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would change, and keep nothing")
	return cmd
}

// editConnector lets the change be made once. Where the connector moves on
// meanwhile, the parts that were changed are put into what it is by then, unless
// others changed them too.
func (a *app) editConnector(ctx context.Context, client *rest.Client, connector string, f editFlags) error {
	name := a.resource("connectors", connector)
	var before, after *connectorv1.Definition
	mask := f.mask
	return a.updateCurrent(ctx, client, name, func(c *registryv1.Connector, have *connectorv1.Definition) (*registryv1.UpdateConnectorRequest, error) {
		switch {
		case before == nil:
			var err error
			if after, err = a.edited(ctx, have, f.file); err != nil {
				return nil, err
			}
			before = have
			if len(mask) == 0 {
				mask = changedFields(before, after)
			}
		case len(f.mask) == 0 && overlaps(mask, changedFields(before, have)):
			return nil, fault.Aborted(fault.ReasonEtagMismatch,
				"somebody else has changed the same parts of %q meanwhile; edit it again", connector)
		}
		if len(mask) == 0 {
			a.progress("nothing was changed")
			return nil, nil
		}
		return &registryv1.UpdateConnectorRequest{
			Name: name, Definition: after, UpdateMask: mask, Etag: c.GetEtag(),
			Publish: f.publish, AllowBreaking: f.allowBreaking, ValidateOnly: f.dryRun,
		}, nil
	})
}

// overlaps reports whether two masks have a part in common.
func overlaps(a, b []string) bool {
	return slices.ContainsFunc(a, func(part string) bool { return slices.Contains(b, part) })
}

// maxTries is how often an edit is tried while others change the connector.
const maxTries = 5

// updateCurrent sends the edit that change makes of the connector and its latest
// definition, nothing if it makes none. If the connector has changed since they
// were read, they are read again.
func (a *app) updateCurrent(ctx context.Context, client *rest.Client, name string,
	change func(*registryv1.Connector, *connectorv1.Definition) (*registryv1.UpdateConnectorRequest, error),
) error {
	for try := 1; ; try++ {
		var c registryv1.Connector
		if err := client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, &c); err != nil {
			return err
		}
		have, err := fullDefinition(ctx, client, c.GetLatestRevision())
		if err != nil {
			return err
		}
		req, err := change(&c, have)
		if err != nil || req == nil {
			return err
		}
		err = a.update(ctx, client, req)
		if fault.ReasonOf(err) != fault.ReasonEtagMismatch || try == maxTries {
			return err
		}
	}
}

// update sends an edit and says what came of it.
func (a *app) update(ctx context.Context, client *rest.Client, req *registryv1.UpdateConnectorRequest) error {
	var res registryv1.UpdateConnectorResponse
	if err := client.Call(ctx, http.MethodPatch, rest.Path(req.GetName()), nil, req, &res); err != nil {
		return err
	}
	if a.json() {
		return a.printMessage(res.GetConnector())
	}
	verb := "edited"
	if req.GetValidateOnly() {
		verb = "would edit"
	}
	r := res.GetRevision()
	a.printf("%s %s (%s revision %s)\n", verb, id(req.GetName()), enumWord(r.GetState(), "REVISION_STATE_"), shortRevision(r.GetName()))
	a.printDiff(res.GetDiff(), fewChanges)
	a.printErrors(r.GetFindings())
	if !req.GetValidateOnly() {
		a.printDraft(id(req.GetName()), "latest", r)
	}
	return nil
}

func fullDefinition(ctx context.Context, client *rest.Client, revision string) (*connectorv1.Definition, error) {
	var r registryv1.Revision
	query := url.Values{"view": {"REVISION_VIEW_FULL"}}
	if err := client.Call(ctx, http.MethodGet, rest.Path(revision), query, nil, &r); err != nil {
		return nil, err
	}
	return r.GetDefinition(), nil
}

// edited returns the definition after somebody changed it.
func (a *app) edited(ctx context.Context, before *connectorv1.Definition, file string) (*connectorv1.Definition, error) {
	switch file {
	case "":
		return a.inEditor(ctx, before)
	case "-":
		text, err := a.readInput("-")
		if err != nil {
			return nil, err
		}
		return definition.Unmarshal(text)
	}
	return readDefinition(file)
}

// inEditor lets a person change the definition. What cannot be read afterwards
// stays in its file, so that no work is lost.
func (a *app) inEditor(ctx context.Context, before *connectorv1.Definition) (*connectorv1.Definition, error) {
	editor := strings.Fields(firstOf(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi"))
	text, err := definition.Marshal(before)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "ferrule-edit-")
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	path := filepath.Join(dir, "connector.ferrule.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], path)...) //nolint:gosec // the user's own editor
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run the editor %s (set $EDITOR to choose another one): %w", editor[0], err)
	}
	changed, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("edit: %w", err)
	}
	if bytes.Equal(changed, text) {
		return before, os.RemoveAll(dir)
	}
	after, err := definition.Unmarshal(changed)
	if err != nil {
		a.progress("the changed definition stays in %s; correct it and use --file", path)
		return nil, err
	}
	return after, os.RemoveAll(dir)
}

func firstOf(texts ...string) string {
	i := slices.IndexFunc(texts, func(s string) bool { return strings.TrimSpace(s) != "" })
	return texts[i]
}

// changedFields names the parts of a definition that are not what they were.
func changedFields(before, after *connectorv1.Definition) []string {
	var mask []string
	fields := before.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		if !equalField(before, after, field) {
			mask = append(mask, string(field.Name()))
		}
	}
	return mask
}

func equalField(before, after *connectorv1.Definition, field protoreflect.FieldDescriptor) bool {
	only := func(def *connectorv1.Definition) proto.Message {
		part := &connectorv1.Definition{}
		if def.ProtoReflect().Has(field) {
			part.ProtoReflect().Set(field, def.ProtoReflect().Get(field))
		}
		return part
	}
	return proto.Equal(only(before), only(after))
}
