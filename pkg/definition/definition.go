// Package definition is the readable form of a connector's definition, and the
// rules that every definition keeps to.
//
// [Marshal] writes a definition as JSON for people to read, compare and edit,
// and [Unmarshal] reads it back. It looks like the JSON mapping of Protocol
// Buffers, with three differences:
//
//   - The outermost object starts with the member "ferrule", the version of the
//     format.
//   - What holds JSON text in the model (schemas, examples, values of
//     extensions, inputs) is JSON here, not base64.
//   - Values of enumerations are written without the name of their type: an
//     action has the kind "ACTION". The full names, and any mixture of case with
//     "-" instead of "_", are read as well: "polling-trigger" is
//     "POLLING_TRIGGER".
//
// A small definition:
//
//	{
//	  "ferrule": "1",
//	  "info": {"title": "Items"},
//	  "servers": [{"urlTemplate": "https://api.example.com"}],
//	  "operations": [{
//	    "operationId": "GetItem",
//	    "kind": "ACTION",
//	    "method": "GET",
//	    "path": "/items/{id}",
//	    "parameters": [{
//	      "name": "id", "location": "PATH", "required": true,
//	      "schema": {"type": "string"}
//	    }]
//	  }],
//	  "parameterSets": [{"name": "default"}]
//	}
//
// [Validate] says whether a definition contradicts itself. Importers make
// definitions that do not; those that people write have to be asked.
//
// All functions are safe for concurrent use, as long as nobody changes the
// definition meanwhile.
package definition

import (
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// Version is the value of the member "ferrule".
	Version = "1"
	// VersionKey is the member that tells the format.
	VersionKey = "ferrule"
	// MaxBytes is the greatest size of a definition's JSON: 72 MiB.
	MaxBytes = 72 << 20
	// MaxDepth is the greatest number of objects and arrays inside each other in
	// one JSON text of a definition, for instance a schema.
	MaxDepth = 512
	// maxAround is the depth that the definition itself adds around its JSON
	// texts; its messages are not recursive.
	maxAround = 32
)

// jsonText lists all fields of the model that hold JSON text. Every field of the
// type bytes must be here: there is no other kind of bytes in the model.
var jsonText = map[protoreflect.FullName]bool{
	"ferrule.connector.v1.ConnectionParameter.source":         true,
	"ferrule.connector.v1.ConnectionTest.input":               true,
	"ferrule.connector.v1.DynamicArgument.json":               true,
	"ferrule.connector.v1.Extension.json":                     true,
	"ferrule.connector.v1.LinkArgument.json":                  true,
	"ferrule.connector.v1.MediaType.examples":                 true,
	"ferrule.connector.v1.MediaType.schema":                   true,
	"ferrule.connector.v1.Parameter.examples":                 true,
	"ferrule.connector.v1.Parameter.schema":                   true,
	"ferrule.connector.v1.ParameterSet.metadata":              true,
	"ferrule.connector.v1.PolicyParameter.json":               true,
	"ferrule.connector.v1.ResponseHeader.schema":              true,
	"ferrule.connector.v1.ResponseLink.request_body":          true,
	"ferrule.connector.v1.Schema.json":                        true,
	"ferrule.connector.v1.WebhookTrigger.notification_schema": true,
}

// schemaText lists those whose JSON text is a JSON Schema.
var schemaText = map[protoreflect.FullName]bool{
	"ferrule.connector.v1.MediaType.schema":                   true,
	"ferrule.connector.v1.Parameter.schema":                   true,
	"ferrule.connector.v1.ResponseHeader.schema":              true,
	"ferrule.connector.v1.Schema.json":                        true,
	"ferrule.connector.v1.WebhookTrigger.notification_schema": true,
}
