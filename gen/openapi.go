// Package gen holds what is generated from the protobuf files: Go code below
// go, and the OpenAPI document of the REST edge.
package gen

import _ "embed"

// OpenAPI is the OpenAPI 2.0 document of the REST edge, JSON in UTF-8. It must
// not be modified.
//
//go:embed openapi/ferrule.swagger.json
var OpenAPI []byte
