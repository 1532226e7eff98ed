package cli

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/spf13/cobra"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
)

func (a *app) choices() *cobra.Command {
	var text, item, revision string
	var params []string
	var noCache bool
	cmd := &cobra.Command{
		Use:   "choices CONNECTION OPERATION POINTER",
		Short: "List the values that an input of an operation can take",
		Long: `Choices asks the API, as the connector says, for the values that one input of an
operation can take: the folders of an account, the fields of a table. POINTER
names the input as a JSON pointer: "/folder" for the parameter folder,
"/body/fields/priority" for a member of the body, "*" for any element of an array.

Choices can depend on what else is known of the input: give that with --input or
--param. Where they are a tree, the roots are listed; --item opens the branch
below an item, which is shown in the column ITEM.

What the API said is remembered for a minute; --no-cache asks again.`,
		Example: `  ferrule choices mail SendMessage /folder
  ferrule choices tables ListRows /table --param database=sales
  ferrule choices drive GetFile /id --item '{"id": "01ABC", "path": "/reports"}'`,
		Args: exactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if item != "" && !json.Valid([]byte(item)) {
				return usage("--item is not JSON: %s", item)
			}
			input, err := a.input(text, params)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			req := &runtimev1.ResolveDynamicValuesRequest{Pointer: args[2], Input: input, Item: []byte(item), NoCache: noCache}
			if revision != "" {
				if req.Revision, err = a.revisionFor(cmd.Context(), client, args[0], revision); err != nil {
					return err
				}
			}
			var res runtimev1.ResolveDynamicValuesResponse
			if err := client.Call(cmd.Context(), http.MethodPost, a.operationPath(args[0], args[1])+":resolveDynamicValues", nil, req, &res); err != nil {
				return err
			}
			return a.printChoices(&res)
		},
	}
	inputFlags(cmd, &text, &params)
	cmd.Flags().StringVar(&item, "item", "", "list what is below this item of an earlier answer, as JSON; for trees")
	cmd.Flags().StringVar(&revision, "revision", "", "ask by this revision of the connector: its id or the beginning of it, or latest")
	cmd.Flags().BoolVar(&noCache, "no-cache", false, "ask the API even if it was asked a moment ago")
	return cmd
}

// printChoices prints one choice a line; branches of trees come with what opens
// them.
func (a *app) printChoices(res *runtimev1.ResolveDynamicValuesResponse) error {
	tree := false
	for _, v := range res.GetValues() {
		tree = tree || v.GetParent()
	}
	headings := []string{"VALUE", "TITLE", "DESCRIPTION"}
	if tree {
		headings = append(headings, "ITEM")
	}
	out := a.listing(headings...)
	for _, v := range res.GetValues() {
		value, title := compact(v.GetValue()), v.GetTitle()
		if !v.GetSelectable() {
			value = "-" // a branch that can only be opened, or what the API says cannot be chosen
		}
		row := []string{value, short(title, 60), short(v.GetDescription(), 60)}
		if tree && v.GetParent() {
			row = append(row, compact(v.GetItem()))
		}
		if err := out.add(v, row); err != nil {
			return err
		}
	}
	if res.GetTruncated() {
		a.progress("there are more than these")
	}
	return out.end("there is nothing to choose from")
}

// compact writes JSON in one line; what is none stays as it is.
func compact(text []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return string(text)
	}
	return b.String()
}

func (a *app) schema() *cobra.Command {
	var text, revision string
	var params []string
	var output, noCache bool
	cmd := &cobra.Command{
		Use:   "schema CONNECTION OPERATION [POINTER]",
		Short: "Show the schema of an input or an answer that the API decides",
		Long: `Schema asks the API, as the connector says, for the schema of a part of an
operation's input, such as the columns of a table that you choose, and prints it as
JSON Schema. POINTER names the part as a JSON pointer, "/body" if it is not given;
with --output-side it is a part of the answer's body, the whole if not given.

Schemas can depend on what else is known of the input: give that with --input or
--param. What the API said is remembered for a minute; --no-cache asks again.

"ferrule describe" shows what the connector itself says. With -o json, the schema
is in base64, as the API of the server has it.`,
		Example: `  ferrule schema tables CreateRow --param table=orders
  ferrule schema tables GetRow --param table=orders --output-side`,
		Args: cobra.MatchAll(minArgs(2), atMostArgs(3)),
		RunE: func(cmd *cobra.Command, args []string) error {
			input, err := a.input(text, params)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			req := &runtimev1.ResolveDynamicSchemaRequest{
				Side: runtimev1.DynamicSide_DYNAMIC_SIDE_INPUT, Pointer: "/body", Input: input, NoCache: noCache,
			}
			if output {
				req.Side, req.Pointer = runtimev1.DynamicSide_DYNAMIC_SIDE_OUTPUT, ""
			}
			if len(args) == 3 {
				req.Pointer = args[2]
			}
			if revision != "" {
				if req.Revision, err = a.revisionFor(cmd.Context(), client, args[0], revision); err != nil {
					return err
				}
			}
			var res runtimev1.ResolveDynamicSchemaResponse
			if err := client.Call(cmd.Context(), http.MethodPost, a.operationPath(args[0], args[1])+":resolveDynamicSchema", nil, req, &res); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&res)
			}
			a.printf("%s\n", indent(res.GetSchema()))
			return nil
		},
	}
	inputFlags(cmd, &text, &params)
	cmd.Flags().BoolVar(&output, "output-side", false, "a part of the answer instead of the input")
	cmd.Flags().StringVar(&revision, "revision", "", "ask by this revision of the connector: its id or the beginning of it, or latest")
	cmd.Flags().BoolVar(&noCache, "no-cache", false, "ask the API even if it was asked a moment ago")
	return cmd
}
