package plan

// PathArgument returns the value of a path parameter in a call, as plain text;
// false if the operation has no such parameter, or the call no value for it.
func (o *Operation) PathArgument(args *Arguments, name string) (string, bool) {
	if args == nil {
		return "", false
	}
	for i, p := range o.parameters {
		if p.location == inPath && p.name == name && args.values[i] != nil {
			return text(args.values[i]), true
		}
	}
	return "", false
}
