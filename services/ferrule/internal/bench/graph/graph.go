// Package graph writes a description of an API that is as large as the largest
// that are published, the one of Microsoft Graph, and built like it: thousands of
// paths along the relations between entities, inline query parameters with long
// lists of values, and components that refer to each other. It has the same bytes
// every time.
//
//	err := graph.Write(w, graph.Operations)
package graph

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const (
	// Operations is how many operations make a description of 47 MB.
	Operations = 16_000
	// perEntity is how many operations there are for each entity.
	perEntity = 4
	// properties is how many properties an entity has.
	properties = 10
)

// Write writes an OpenAPI 3.0 document with a number of operations, a multiple of
// four, as YAML in block style.
func Write(w io.Writer, operations int) error {
	p := printer{w: bufio.NewWriterSize(w, 1<<20)}
	p.lines(0, "openapi: 3.0.4", "info:", "  title: Generated Graph", "  description: Entities and the relations between them.", "  version: v1.0",
		"servers:", "  - url: https://graph.example.com/v1.0", "paths:")
	entities := operations / perEntity
	for n := range entities {
		p.collection(n)
		p.item(n)
	}
	p.components(entities)
	if err := p.w.Flush(); err != nil && p.err == nil {
		p.err = err
	}
	if p.err != nil {
		return fmt.Errorf("write the description: %w", p.err)
	}
	return nil
}

// printer writes lines until something fails.
type printer struct {
	w   *bufio.Writer
	err error
}

const spaces = "                                        "

// lines writes lines, each indented by some levels of two spaces.
func (p *printer) lines(level int, lines ...string) {
	for _, line := range lines {
		for _, part := range []string{spaces[:2*level], line, "\n"} {
			if _, err := p.w.WriteString(part); err != nil && p.err == nil {
				p.err = err
			}
		}
	}
}

// topics are what entities are called after, with a number.
var topics = []string{"message", "calendar", "drive", "site", "team", "channel", "device", "group", "policy", "report"}

func entity(n int) string { return fmt.Sprintf("%s%d", topics[n%len(topics)], n) }

func property(entity, n int) string {
	return fmt.Sprintf("%sProperty%02d", topics[(entity+n)%len(topics)], n)
}

// collection writes a path with the operations list and create.
func (p *printer) collection(n int) {
	name := entity(n)
	p.lines(1, fmt.Sprintf("'/users/{user-id}/%ss':", name))
	p.begin("get", name, "List", "List "+name+"s", "Get the "+name+"s that the user owns, with their properties and relations.")
	p.lines(3, "parameters:")
	p.userID()
	for _, ref := range []string{"top", "skip", "search", "filter", "count"} {
		p.lines(4, "- $ref: '#/components/parameters/"+ref+"'")
	}
	p.choice("$orderby", "Order items by property values", n, " desc")
	p.choice("$select", "Select properties to be returned", n, "")
	p.choice("$expand", "Expand related entities", n, " expanded")
	p.lines(3, "responses:")
	p.lines(4, "2XX:", "  $ref: '#/components/responses/"+name+"CollectionResponse'", "default:", "  $ref: '#/components/responses/error'")
	p.lines(3, "x-ms-pageable:", "  nextLinkName: '@odata.nextLink'", "  operationName: listMore", "  itemName: value")
	p.begin("post", name, "Create", "Create "+name, "Create a new "+name+" that the user owns, and return it.")
	p.lines(3, "parameters:")
	p.userID()
	p.body(name)
}

// item writes a path with the operations get and update.
func (p *printer) item(n int) {
	name := entity(n)
	p.lines(1, fmt.Sprintf("'/users/{user-id}/%ss/{%s-id}':", name, name))
	p.begin("get", name, "Get", "Get "+name, "Read the properties and relations of one "+name+" of the user.")
	p.lines(3, "parameters:")
	p.userID()
	p.itemID(name)
	p.choice("$select", "Select properties to be returned", n, "")
	p.choice("$expand", "Expand related entities", n, " expanded")
	p.answer(name)
	p.begin("patch", name, "Update", "Update "+name, "Change the given properties of one "+name+" of the user.")
	p.lines(3, "parameters:")
	p.userID()
	p.itemID(name)
	p.body(name)
}

func (p *printer) begin(method, name, verb, summary, description string) {
	p.lines(2, method+":")
	p.lines(3, "tags:", "  - users."+name, "summary: "+summary, "description: '"+description+"'", "externalDocs:",
		"  description: Find more info here", "  url: https://docs.example.com/graph/api/"+name+"-"+strings.ToLower(verb)+"?view=graph-rest-1.0",
		"operationId: users."+verb+strings.ToUpper(name[:1])+name[1:])
}

func (p *printer) userID() {
	p.lines(4, "- name: user-id", "  in: path", "  description: The unique identifier of user", "  required: true", "  schema:", "    type: string",
		"  x-ms-docs-key-type: user")
}

func (p *printer) itemID(name string) {
	p.lines(4, "- name: "+name+"-id", "  in: path", "  description: The unique identifier of "+name, "  required: true", "  schema:", "    type: string")
}

// choice writes a query parameter that takes some of a list of values.
func (p *printer) choice(name, description string, n int, suffix string) {
	p.lines(4, "- name: "+name, "  in: query", "  description: "+description, "  style: form", "  explode: false", "  schema:", "    uniqueItems: true",
		"    type: array", "    items:", "      enum:")
	for i := range properties {
		p.lines(8, "- "+property(n, i))
		if suffix != "" {
			p.lines(8, "- "+property(n, i)+suffix)
		}
	}
	p.lines(7, "type: string")
}

func (p *printer) body(name string) {
	p.lines(3, "requestBody:", "  description: New property values", "  content:", "    application/json:", "      schema:",
		"        $ref: '#/components/schemas/"+name+"'", "  required: true")
	p.answer(name)
}

func (p *printer) answer(name string) {
	p.lines(3, "responses:")
	p.lines(4, "2XX:", "  description: Success", "  content:", "    application/json:", "      schema:", "        $ref: '#/components/schemas/"+name+"'",
		"default:", "  $ref: '#/components/responses/error'")
}

func (p *printer) components(entities int) {
	p.lines(0, "components:")
	p.lines(1, "schemas:")
	p.lines(2, "entity:", "  title: entity", "  type: object", "  properties:", "    id:", "      type: string", "      description: The unique identifier.",
		"error:", "  type: object", "  properties:", "    code:", "      type: string", "    message:", "      type: string")
	for n := range entities {
		p.schema(n, entities)
	}
	p.lines(1, "responses:")
	p.lines(2, "error:", "  description: error", "  content:", "    application/json:", "      schema:", "        $ref: '#/components/schemas/error'")
	for n := range entities {
		name := entity(n)
		p.lines(2, name+"CollectionResponse:", "  description: Retrieved collection", "  content:", "    application/json:", "      schema:",
			"        title: Collection of "+name, "        type: object", "        properties:", "          value:", "            type: array",
			"            items:", "              $ref: '#/components/schemas/"+name+"'", "          '@odata.nextLink':",
			"            type: string", "            nullable: true")
	}
	p.lines(1, "parameters:")
	for _, name := range []string{"top", "skip", "search", "filter", "count"} {
		p.lines(2, name+":", "  name: $"+name, "  in: query", "  description: The option "+name+" of every collection", "  style: form", "  explode: false",
			"  schema:", "    type: string")
	}
	p.lines(1, "securitySchemes:")
	p.lines(2, "azureaadv2:", "  type: oauth2", "  flows:", "    authorizationCode:", "      authorizationUrl: https://login.example.com/authorize",
		"      tokenUrl: https://login.example.com/token", "      scopes: {}")
	p.lines(0, "security:", "  - azureaadv2: []")
}

// schema writes an entity. Some of its properties are other entities, so that
// references have cycles.
func (p *printer) schema(n, entities int) {
	p.lines(2, entity(n)+":", "  allOf:", "    - $ref: '#/components/schemas/entity'", "    - title: "+entity(n), "      type: object", "      properties:")
	for i := range properties {
		p.lines(6, property(n, i)+":")
		switch i % 4 {
		case 0:
			p.lines(7, "type: string", "description: 'The value of the property, as people see it. Nullable. Supports $filter (eq, ne, not, ge, le, in, startsWith).'", "nullable: true")
		case 1:
			p.lines(7, "pattern: '^[0-9]{4,}-(0[1-9]|1[012])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$'", "type: string",
				"description: 'When it was last changed, in UTC.'", "format: date-time", "nullable: true")
		case 2:
			p.lines(7, "anyOf:", "  - $ref: '#/components/schemas/"+entity((n*7+i)%entities)+"'", "  - type: object", "    nullable: true",
				"description: 'An entity that this one is related to.'")
		default:
			p.lines(7, "type: array", "items:", "  $ref: '#/components/schemas/"+entity((n*3+i)%entities)+"'", "description: 'Entities that belong to this one.'",
				"x-ms-navigationProperty: true")
		}
	}
}
