package conformance

import (
	"strings"
	"testing"
)

// wrong is a specification that the client does not follow.
const wrong = `
paths:
  /containers/json:
    get:
      parameters:
        - {name: limit, in: query, type: string}
        - {name: all, in: query, type: boolean, since: 50}
        - {name: fancy, in: query, type: string}
        - {name: X-Fancy, in: header, type: string}
        - {name: filters, in: query, type: string, description: "- ` + "`fancy=<bool>`" + ` is fancy"}
      responses:
        200: {schema: {type: array, items: {type: object, properties: {Id: {type: string}, Fancy: {type: string}, Names: {type: array, items: {type: integer}}}}}}
        418: {}
  /networks/{id}/disconnect:
    post:
      parameters: [{in: body, schema: {type: object, properties: {Container: {type: string}, Force: {type: string}, Fancy: {type: boolean}}}}]
      responses: {200: {}}
  /widgets:
    get: {responses: {200: {}}}
`

// TestDifferencesAreFound feeds the checks a specification with one fault of each kind.
func TestDifferencesAreFound(t *testing.T) {
	all := make(map[int]*specification)
	for _, v := range versions() {
		text := wrong
		if v < 50 { // the line with a parameter that is new in 1.50
			text = strings.Replace(wrong, "name: all,", "name: other,", 1)
		}
		s, err := parseSpecification([]byte(text), v)
		if err != nil {
			t.Fatal(err)
		}
		all[v] = s
	}
	every := calls
	t.Cleanup(func() { calls = every })
	calls = []*call{
		plain("GET /containers/json", client.ContainerList),
		plain("POST /networks/{id}/disconnect", client.NetworkDisconnect),
	}
	got := findings(t, all)
	for _, want := range []string{
		"GET /widgets: no method has its directive (1.40 to 1.56)",
		"GET /info: it is a directive of Info, and no operation",
		"GET /containers/json?size: it is sent, and the specification has no such parameter (1.56)",
		"GET /containers/json?fancy: it is never sent (1.56)",
		"GET /containers/json?other: it is never sent (1.49)",
		"GET /containers/json:X-Fancy: it is never sent (1.56)",
		"filter GET /containers/json fancy: the comment of ContainerListOptions.Filters does not name it",
		"gate GET /containers/json?all: it needs 1.50 and is not refused (1.40 to 1.49), in ContainerList with ContainerListOptions.All",
		"comment ContainerListOptions.All: it does not name API 1.50",
		"answer GET /containers/json: an answer with everything is an error",
		"status GET /containers/json: no kind is known for the status 418 (1.56), in ContainerList",
		"POST /networks/{id}/disconnect request.Force: it is sent as false, and is of type string (1.56), in POST /networks/{id}/disconnect",
		"POST /networks/{id}/disconnect request.Fancy: it is never sent (1.56)",
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("not found: %s", want)
		}
	}
	for _, v := range versions() {
		all[v].operations["GET /containers/json"].Responses["200"].Schema.Items.Properties["Names"].Items.Type = "string"
	}
	if want := "\nanswer GET /containers/json 200[].Fancy: it is lost (1.40 to 1.56), in ContainerList"; !strings.Contains(findings(t, all), want) {
		t.Errorf("not found: %s", want)
	}
}

func findings(t *testing.T, all map[int]*specification) string {
	s, err := readSource("..")
	if err != nil {
		t.Fatal(err)
	}
	r := newReport()
	if err := r.check(all, s); err != nil {
		t.Fatal(err)
	}
	return "\n" + strings.Join(r.lines(), "\n")
}
