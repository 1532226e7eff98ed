package postman

// The types here are the objects of a collection 2.1, members in the order in
// which Postman writes them.

type collection struct {
	Info     header     `json:"info"`
	Item     []*item    `json:"item"`
	Auth     *auth      `json:"auth,omitempty"`
	Variable []variable `json:"variable,omitempty"`
}

type header struct {
	ID          string `json:"_postman_id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Version     string `json:"version,omitempty"`
	Schema      string `json:"schema"`
	ExporterID  string `json:"_exporter_id"`
}

// item is a folder if it has items, else a request.
type item struct {
	Name        string    `json:"name"`
	ID          string    `json:"id,omitempty"`
	Description string    `json:"description,omitempty"`
	Item        []*item   `json:"item,omitzero"`
	Behavior    *behavior `json:"protocolProfileBehavior,omitempty"`
	Request     *request  `json:"request,omitempty"`
	Response    []saved   `json:"response,omitzero"`
}

type behavior struct {
	DisableBodyPruning bool `json:"disableBodyPruning"`
}

type request struct {
	Auth        *auth   `json:"auth,omitempty"`
	Method      string  `json:"method"`
	Header      []pair  `json:"header"`
	Body        *body   `json:"body,omitempty"`
	URL         address `json:"url"`
	Description string  `json:"description,omitempty"`
}

type address struct {
	Raw      string   `json:"raw"`
	Host     []string `json:"host"`
	Path     []string `json:"path"`
	Query    []pair   `json:"query,omitempty"`
	Variable []pair   `json:"variable,omitempty"`
}

type pair struct {
	Key         string   `json:"key"`
	Value       string   `json:"value"`
	Type        string   `json:"type,omitempty"`
	Src         []string `json:"src,omitzero"`
	ContentType string   `json:"contentType,omitempty"`
	Description string   `json:"description,omitempty"`
	Disabled    bool     `json:"disabled,omitempty"`
	// System marks headers that follow from something else in the request.
	System bool `json:"system,omitempty"`
}

type body struct {
	Mode       string   `json:"mode"`
	Raw        string   `json:"raw,omitempty"`
	URLEncoded []pair   `json:"urlencoded,omitzero"`
	FormData   []pair   `json:"formdata,omitzero"`
	File       *file    `json:"file,omitempty"`
	Options    *options `json:"options,omitempty"`
}

type file struct {
	Src string `json:"src"`
}

type options struct {
	Raw language `json:"raw"`
}

type language struct {
	Language string `json:"language"`
}

type saved struct {
	Name     string `json:"name"`
	Status   string `json:"status,omitempty"`
	Code     int    `json:"code,omitempty"`
	Language string `json:"_postman_previewlanguage,omitempty"`
	Header   []pair `json:"header"`
	Body     string `json:"body"`
}

type variable struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Type        string `json:"type"`
	Description string `json:"description,omitempty"`
}

// auth is written with the values of its type only.
type auth struct {
	Type   string `json:"type"`
	Basic  []pair `json:"basic,omitempty"`
	Bearer []pair `json:"bearer,omitempty"`
	Digest []pair `json:"digest,omitempty"`
	APIKey []pair `json:"apikey,omitempty"`
	OAuth2 []pair `json:"oauth2,omitempty"`
	AWSv4  []pair `json:"awsv4,omitempty"`
}
