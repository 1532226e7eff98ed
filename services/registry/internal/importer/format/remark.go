package format

import (
	"fmt"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// remarkText says what a remark means and how to get rid of it. A "%q" in the
// message stands for the key of the value.
type remarkText struct {
	severity        Severity
	message, remedy string
}

// Remarks adds a finding for each remark of the document. Their codes are the
// kinds of the remarks.
func (p *Place) Remarks() {
	for _, r := range p.doc.Remarks() {
		text := describe(r.Kind)
		p.all.add(func() Finding {
			message := text.message
			if r.Kind == document.DuplicateKey {
				message = fmt.Sprintf(message, r.Node.Key())
			}
			if r.More > 0 {
				message += fmt.Sprintf("; so it is in %d more places", r.More)
			}
			return Finding{
				Severity: text.severity, Code: string(r.Kind), Message: message, Remedy: text.remedy,
				Path: p.path, Pointer: r.Node.Pointer(), Line: r.Line, Column: r.Column,
			}
		}, text.severity)
	}
}

func describe(kind document.RemarkKind) remarkText {
	switch kind {
	case document.ByteOrderMark:
		return remarkText{Info, "the file starts with a byte order mark, which was skipped", "save the file without a byte order mark"}
	case document.EncodingConverted:
		return remarkText{Warning, "the file is not UTF-8; it was converted, and characters may be wrong", "save the file as UTF-8"}
	case document.DuplicateKey:
		return remarkText{Warning, "the key %q is there more than once; the last one counts", "remove one of them"}
	case document.YAMLMoreDocuments:
		return remarkText{Warning, "the file holds several YAML documents; the first one counts", "import them one at a time"}
	case document.YAMLCalledJSON:
		return remarkText{Warning, "the file is called JSON and holds YAML; it was read as such", "give it a name that ends in .yaml"}
	case document.JSONComment:
		return remarkText{Warning, "JSON has no comments; this one was skipped", "remove the comment"}
	case document.JSONControlCharacter:
		return remarkText{Warning, "a string holds a line break, tab or other control character as it is; it was kept", "write it as an escape, for instance \\n"}
	case document.JSONWhiteSpace:
		return remarkText{Warning, "a character between values only looks like a space; it was skipped", "replace it with a space"}
	case document.JSONTrailingText:
		return remarkText{Warning, "text follows after the end of the document; it was ignored", "remove it, or move the bracket that ends the document too early"}
	case document.JSONUnclosed:
		return remarkText{Warning, "the object or array that starts here is never closed; it was closed at the end of the file", "add the closing bracket, and see whether the file was cut off"}
	default:
		if text := describePunctuation(kind); text.message != "" {
			return text
		}
		return describeValue(kind)
	}
}

func describePunctuation(kind document.RemarkKind) remarkText {
	switch kind {
	case document.JSONTrailingComma:
		return remarkText{Warning, "a comma follows the last member or item; it was skipped", "remove the comma"}
	case document.JSONExtraComma:
		return remarkText{Warning, "there is nothing in front of the comma; it was skipped", "remove the comma"}
	case document.JSONMissingComma:
		return remarkText{Warning, "a comma is missing here; it was added", "add the comma"}
	case document.JSONMissingColon:
		return remarkText{Warning, "a colon is missing after the key; it was added", "add the colon"}
	case document.JSONMissingBracket:
		return remarkText{Warning, "an object or array that is open here has no closing bracket; it was closed here", "add the closing bracket that is missing"}
	case document.JSONExtraBracket:
		return remarkText{Warning, "the bracket closes nothing, or too early; it was skipped", "remove the bracket"}
	default:
		return remarkText{}
	}
}

func describeValue(kind document.RemarkKind) remarkText {
	switch kind {
	case document.JSONMissingValue:
		return remarkText{Warning, "the key has no value; null was added", "add the value"}
	case document.JSONSingleQuotes:
		return remarkText{Warning, "a string in single quotes was read", "write double quotes"}
	case document.JSONUnquotedKey:
		return remarkText{Warning, "a key without quotes was read", "write the key in double quotes"}
	case document.JSONUnquotedText:
		return remarkText{Warning, "a word without quotes was read as a string", "write it in double quotes"}
	case document.JSONUnterminatedString:
		return remarkText{Warning, "the string that starts here has no closing quote; it was ended at the end of its line", "add the quote"}
	case document.JSONUnescapedQuote:
		return remarkText{Warning, "a quote inside a string has no backslash; it was kept", "write \\\" instead"}
	case document.JSONInvalidEscape:
		return remarkText{Warning, "the backslash does not begin an escape that JSON knows; it was kept", "write \\\\ instead"}
	case document.JSONLiteral:
		return remarkText{Warning, "the literal is none of JSON; its equivalent was read", "write true, false or null"}
	case document.JSONNumber:
		return remarkText{Warning, "the number is written in a way that JSON does not know; its value was read", "write it in decimal, without a plus sign and leading zeros"}
	default:
		return remarkText{Warning, "the file was repaired", "correct the file here"}
	}
}
