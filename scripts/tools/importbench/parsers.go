package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/getkin/kin-openapi/openapi2"
	"github.com/getkin/kin-openapi/openapi2conv"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-openapi/spec"
	"github.com/pb33f/libopenapi"
	"github.com/pb33f/libopenapi/datamodel"
)

// parser reads one description.
type parser struct {
	module string
	parse  func(text []byte, version int) error
}

// parsers are the libraries, each used as its documentation says.
var parsers = map[string]parser{
	"kin-openapi": {"github.com/getkin/kin-openapi", kin},
	"go-openapi":  {"github.com/go-openapi/spec", goOpenAPI},
	"libopenapi":  {"github.com/pb33f/libopenapi", pb33f},
}

// read parses a description. A library that panics has refused it.
func (p parser) read(text []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return p.parse(text, versionOf(text))
}

// versionOf returns the major version of OpenAPI, from what is at the beginning
// of every description, or wherever a Swagger document says so.
func versionOf(text []byte) int {
	if bytes.Contains(text[:min(len(text), 4096)], []byte("openapi")) && !bytes.Contains(text, []byte(`"swagger"`)) {
		return 3
	}
	return 2
}

// kin reads with kin-openapi, which has one model for version 3 and turns
// version 2 into it.
func kin(text []byte, version int) error {
	if version == 3 {
		_, err := openapi3.NewLoader().LoadFromData(text)
		return err
	}
	var doc openapi2.T
	if err := json.Unmarshal(text, &doc); err != nil {
		return err
	}
	_, err := openapi2conv.ToV3(&doc)
	return err
}

// goOpenAPI reads with go-openapi, which knows version 2 only.
func goOpenAPI(text []byte, version int) error {
	if version == 3 {
		return errors.New("version 3 is not supported")
	}
	return json.Unmarshal(text, new(spec.Swagger))
}

// pb33f reads with libopenapi. Its caches are emptied after each document, as
// they would have to be in a server.
func pb33f(text []byte, version int) error {
	defer libopenapi.ClearAllCaches()
	doc, err := libopenapi.NewDocumentWithConfiguration(text, &datamodel.DocumentConfiguration{
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	if version == 3 {
		_, err = doc.BuildV3Model()
	} else {
		_, err = doc.BuildV2Model()
	}
	return err
}
