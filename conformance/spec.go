// Package conformance proves that the client covers the Docker Engine API: it compares
// the specification of every version with what the client sends and with what it makes
// of answers. README.md says how.
package conformance

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	_ "github.com/moby/moby/api" // has the specification in its folder docs
	"go.yaml.in/yaml/v3"
)

// The versions 1.40 to 1.56.
const (
	oldest = 40
	newest = 56
)

// versions are all of them, the oldest first.
func versions() []int {
	var list []int
	for v := oldest; v <= newest; v++ {
		list = append(list, v)
	}
	return list
}

func versionText(v int) string { return fmt.Sprintf("1.%d", v) }

// specification is one version's, with the corrections of explained.go in it.
type specification struct {
	Definitions map[string]*schema               `yaml:"definitions"`
	Paths       map[string]map[string]*operation `yaml:"paths"`

	version    int
	operations map[string]*operation // as "GET /containers/json"
	nodes      map[string]*node      // of definitions
}

// operation is one route.
type operation struct {
	Parameters []*parameter         `yaml:"parameters"`
	Responses  map[string]*response `yaml:"responses"`
}

// parameter is one of an operation; In is query, path, header or body.
type parameter struct {
	Name        string  `yaml:"name"`
	In          string  `yaml:"in"`
	Type        string  `yaml:"type"`
	Description string  `yaml:"description"`
	Required    bool    `yaml:"required"`
	Enum        []any   `yaml:"enum"`
	Schema      *schema `yaml:"schema"`
}

// response is the answer with one status.
type response struct {
	Schema *schema `yaml:"schema"`
}

// schema is a type as the file has it.
type schema struct {
	Ref                  string             `yaml:"$ref"`
	Type                 string             `yaml:"type"`
	Format               string             `yaml:"format"`
	Nullable             bool               `yaml:"x-nullable"`
	AllOf                []*schema          `yaml:"allOf"`
	Properties           map[string]*schema `yaml:"properties"`
	AdditionalProperties *schema            `yaml:"additionalProperties"`
	Items                *schema            `yaml:"items"`
	Enum                 []any              `yaml:"enum"`
	Example              any                `yaml:"example"`
	Minimum              *int64             `yaml:"minimum"`
	Maximum              *int64             `yaml:"maximum"`
	GoType               struct {
		Type string `yaml:"type"`
	} `yaml:"x-go-type"`
}

// specifications are those of all versions, read once.
var specifications = sync.OnceValues(func() (map[int]*specification, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/moby/moby/api").Output()
	if err != nil {
		return nil, fmt.Errorf("go list of github.com/moby/moby/api: %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "docs")
	all := make(map[int]*specification)
	for _, v := range versions() {
		if all[v], err = readSpecification(dir, v); err != nil {
			return nil, err
		}
	}
	return all, nil
})

func readSpecification(dir string, version int) (*specification, error) {
	text, err := os.ReadFile(filepath.Join(dir, "v"+versionText(version)+".yaml"))
	if err != nil {
		return nil, err
	}
	s, err := parseSpecification(text, version)
	if err != nil {
		return nil, fmt.Errorf("version %s: %w", versionText(version), err)
	}
	if err := s.correct(); err != nil {
		return nil, fmt.Errorf("version %s: %w", versionText(version), err)
	}
	return s, nil
}

func parseSpecification(text []byte, version int) (*specification, error) {
	s := &specification{version: version, operations: make(map[string]*operation), nodes: make(map[string]*node)}
	if err := yaml.Unmarshal(text, s); err != nil {
		return nil, err
	}
	for path, methods := range s.Paths {
		for method, op := range methods {
			s.operations[strings.ToUpper(method)+" "+path] = op
		}
	}
	return s, nil
}

// names are the operations in order.
func (s *specification) names() []string { return sorted(s.operations) }

// parameters are those of an operation in one place.
func (op *operation) parameters(in string) []*parameter {
	var list []*parameter
	for _, p := range op.Parameters {
		if p.In == in {
			list = append(list, p)
		}
	}
	return list
}

// request is the schema of an operation's JSON body, or nil.
func (s *specification) request(name string) *node {
	for _, p := range s.operations[name].parameters("body") {
		if p.Schema != nil && p.Schema.Type != "string" {
			return s.resolve(p.Schema, name+" request")
		}
	}
	return nil
}

// answer is the schema of an operation's successful JSON answer, or nil, and its status.
func (s *specification) answer(name string) (*node, int) {
	op := s.operations[name]
	for _, status := range sorted(op.Responses) {
		if status[0] != '2' && status != "101" {
			continue
		}
		var code int
		fmt.Sscan(status, &code)
		if x := op.Responses[status].Schema; x != nil && (x.Type != "string" || x.Format == "") {
			return s.resolve(x, name+" "+status), code
		}
		return nil, code
	}
	return nil, 200
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
