package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// exactArgs is cobra's, with the command's usage line as the remedy, or else the
// commands of a group that were meant.
func exactArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if n == 0 && len(args) > 0 && cmd.HasAvailableSubCommands() {
			return noCommand(cmd, args[0])
		}
		if len(args) != n {
			return usage("%s takes %s, not %d: %s", cmd.Name(), plural(n, "argument"), len(args), cmd.UseLine())
		}
		return nil
	}
}

// noCommand says which commands a group has that lists its things when it is alone.
func noCommand(group *cobra.Command, arg string) error {
	var names []string
	hint := "`" + group.CommandPath() + " --help` explains them"
	for _, c := range group.Commands() {
		if !c.IsAvailableCommand() {
			continue
		}
		names = append(names, c.Name())
		if c.Name() == "show" {
			hint = "`" + c.CommandPath() + " " + arg + "` shows one"
		}
	}
	return usage("%s has no command %q, it has %s; %s", group.Name(), arg, strings.Join(names, ", "), hint)
}

// atMostArgs is cobra's, with the command's usage line as the remedy.
func atMostArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > n {
			return usage("%s takes at most %s, not %d: %s", cmd.Name(), plural(n, "argument"), len(args), cmd.UseLine())
		}
		return nil
	}
}

// minArgs is cobra's, with the command's usage line as the remedy.
func minArgs(n int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < n {
			return usage("%s takes at least %s: %s", cmd.Name(), plural(n, "argument"), cmd.UseLine())
		}
		return nil
	}
}
