package definition_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

// small is a definition with everything that others refer to.
const small = `{
  "ferrule": "1",
  "info": {
    "title": "Items"
  },
  "servers": [
    {
      "urlTemplate": "https://{region}.example.com",
      "variables": [
        {
          "name": "region",
          "defaultValue": "eu"
        }
      ]
    }
  ],
  "operations": [
    {
      "operationId": "GetItem",
      "kind": "ACTION",
      "method": "GET",
      "path": "/items/{id}",
      "parameters": [
        {
          "name": "id",
          "location": "PATH",
          "required": true,
          "schema": {
            "type": "integer",
            "minimum": 1.50e3
          }
        }
      ],
      "responses": [
        {
          "status": "200",
          "contents": [
            {
              "mediaType": "application/json",
              "kind": "JSON",
              "schema": {
                "$ref": "#/$defs/Item"
              },
              "examples": [
                null,
                {
                  "z": 1,
                  "a": "\u00e9"
                }
              ]
            }
          ]
        }
      ],
      "security": [
        {
          "schemes": [
            {
              "schemeId": "key"
            }
          ]
        }
      ]
    }
  ],
  "schemas": [
    {
      "name": "Item",
      "json": {
        "type": "object",
        "properties": {
          "zeta": {},
          "alpha": {
            "$ref": "#/$defs/Item"
          }
        }
      }
    }
  ],
  "securitySchemes": [
    {
      "id": "key",
      "apiKey": {
        "name": "X-Key",
        "location": "HEADER"
      }
    }
  ],
  "parameterSets": [
    {
      "name": "default",
      "parameters": [
        {
          "name": "api_key",
          "type": "SECRET"
        }
      ],
      "placements": [
        {
          "schemeId": "key",
          "apiKey": {
            "parameter": "api_key",
            "location": "HEADER",
            "name": "X-Key"
          }
        }
      ]
    }
  ]
}
`

func parse(t *testing.T, text string) *connectorv1.Definition {
	t.Helper()
	def, err := definition.Unmarshal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// edited is the small definition with one text replaced by another.
func edited(t *testing.T, from, to string) string {
	t.Helper()
	if strings.Count(small, from) == 0 {
		t.Fatalf("the definition has no %q", from)
	}
	return strings.Replace(small, from, to, 1)
}

// filled sets every field of a message to something that is not its default.
func filled(r *rand.Rand, m protoreflect.Message) {
	if d, ok := m.Interface().(*durationpb.Duration); ok {
		d.Seconds = 1 + r.Int64N(86400)
		return
	}
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if of := fd.ContainingOneof(); of != nil && of.Fields().Get(r.IntN(of.Fields().Len())) != fd {
			continue
		}
		switch {
		case fd.IsMap():
			for j := range 3 {
				m.Mutable(fd).Map().Set(protoreflect.ValueOfString(fmt.Sprint(r.IntN(9), j)).MapKey(), protoreflect.ValueOfString("v"))
			}
		case fd.IsList():
			for range 1 + r.IntN(2) {
				if fd.Kind() == protoreflect.MessageKind {
					filled(r, m.Mutable(fd).List().AppendMutable().Message())
				} else {
					m.Mutable(fd).List().Append(some(r, fd))
				}
			}
		case fd.Kind() == protoreflect.MessageKind:
			filled(r, m.Mutable(fd).Message())
		default:
			m.Set(fd, some(r, fd))
		}
	}
}

func some(r *rand.Rand, fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(r.Int32() - 1<<30)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(r.IntN(fd.Enum().Values().Len())))
	case protoreflect.BytesKind:
		texts := []string{`null`, `"a\u0000<>"`, `{"b":1.0,"a":[1e400,{}]}`, `-0`, `[]`, `{"":"\/"}`}
		return protoreflect.ValueOfBytes([]byte(texts[r.IntN(len(texts))]))
	default:
		return protoreflect.ValueOfString([]string{"a", "é\n\"", "{x}", "\u2028<&>"}[r.IntN(4)])
	}
}
