package cli

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// maxInput bounds an input that is read from a file or from standard input.
const maxInput = 10 << 20

// pairs parses name=value arguments.
func pairs(flag string, args []string) (map[string]string, error) {
	values := make(map[string]string, len(args))
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok || name == "" {
			return nil, usage("--%s takes name=value, not %q", flag, arg)
		}
		if _, twice := values[name]; twice {
			return nil, usage("--%s %s is given twice", flag, name)
		}
		values[name] = value
	}
	return values, nil
}

// secrets parses name=value arguments whose values may be "-", to be asked for
// or read from standard input, a line each in the order of the arguments, or "@FILE".
// Values on the command line are seen by everybody on the machine, so those two are
// the better ways.
func (a *app) secrets(args []string) (map[string]string, error) {
	values, err := pairs("secret", args)
	if err != nil {
		return nil, err
	}
	reader := bufio.NewReader(io.LimitReader(a.In, maxInput))
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch {
		case value == "-":
			value, err = a.ask(name, reader)
		case strings.HasPrefix(value, "@"):
			var data []byte
			data, err = os.ReadFile(value[1:])
			value = fileText(data)
		}
		if err != nil {
			return nil, fmt.Errorf("read secret %s: %w", name, err)
		}
		values[name] = value
	}
	return values, nil
}

// fileText is a file as the server takes it: text without the line break at its
// end, and anything else, such as a PKCS#12 archive, in base64.
func fileText(data []byte) string {
	if !utf8.Valid(data) {
		return base64.StdEncoding.EncodeToString(data)
	}
	return strings.TrimRight(string(data), "\r\n")
}

// ask reads one secret without showing it, or one line if nobody sits there.
func (a *app) ask(name string, reader *bufio.Reader) (string, error) {
	if f, ok := a.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprintf(a.Err, "%s: ", name)
		value, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(a.Err)
		return string(value), err
	}
	line, err := reader.ReadString('\n')
	switch {
	case err == io.EOF && line == "":
		return "", errors.New("standard input has no line for it")
	case err != nil && err != io.EOF:
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// input makes the input of an operation: the JSON object given as text, @FILE or
// "-", with single parameters set over it. A parameter's value is taken as JSON
// if it is a number, true, false, null, an array or an object, and as text
// otherwise; name:=JSON insists on JSON, name=@FILE is not interpreted.
func (a *app) input(text string, params []string) ([]byte, error) {
	object := map[string]json.RawMessage{}
	data, err := a.readInput(text)
	if err != nil {
		return nil, err
	}
	if len(data) > 0 {
		const write = `write one, such as '{"limit": 5}'`
		err := json.Unmarshal(data, &object)
		if syntax := new(json.SyntaxError); errors.As(err, &syntax) {
			return nil, usage("--input is not JSON: %v (byte %d); %s", err, syntax.Offset, write)
		}
		if err != nil || object == nil {
			return nil, usage("--input is not a JSON object; %s", write)
		}
	}
	for _, param := range params {
		name, value, ok := strings.Cut(param, "=")
		if !ok || name == "" {
			return nil, usage("--param takes name=value, not %q", param)
		}
		if strict, isJSON := strings.CutSuffix(name, ":"); isJSON {
			if !json.Valid([]byte(value)) {
				return nil, usage("the value of --param %s is not JSON: %s", strict, value)
			}
			object[strict] = json.RawMessage(value)
			continue
		}
		object[name] = guess(value)
	}
	if len(object) == 0 {
		return nil, nil
	}
	return json.Marshal(object)
}

// readInput returns a text, the file that "@FILE" names, or standard input for "-".
func (a *app) readInput(text string) ([]byte, error) {
	from := a.In
	switch {
	case strings.HasPrefix(text, "@"):
		f, err := os.Open(text[1:])
		if err != nil {
			return nil, fmt.Errorf("read input: %w", err)
		}
		defer func() { _ = f.Close() }()
		from = f
	case text != "-":
		return []byte(text), nil
	}
	data, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read input: %w", err)
	}
	if len(data) > maxInput {
		return nil, usage("the input is too long; it may have at most %d MiB", maxInput>>20)
	}
	return data, nil
}

func guess(value string) json.RawMessage {
	if value != "" && !strings.HasPrefix(value, `"`) && json.Valid([]byte(value)) {
		return json.RawMessage(value)
	}
	quoted, _ := json.Marshal(value) // a string cannot fail
	return quoted
}

// readOnce refuses a command line that reads standard input for more than one value.
func readOnce(values ...string) error {
	readers := 0
	for _, value := range values {
		if value == "-" {
			readers++
		}
	}
	if readers > 1 {
		return usage("standard input can be read once; give the other values as @FILE")
	}
	return nil
}
