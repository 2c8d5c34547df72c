package docker

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bodies are the types that requests are made of.
var bodies = []any{
	containerCreateRequest{},
	ContainerUpdateOptions{},
	execCreateRequest{},
	execStartRequest{},
	networkCreateRequest{},
	networkConnectRequest{},
	VolumeCreateOptions{},
	ServiceSpec{},
}

// A gate that names nothing protects nothing.
func TestEachGateNamesSomething(t *testing.T) {
	fields := map[string]bool{}
	for _, body := range bodies {
		collectFields(reflect.TypeOf(body), fields)
	}
	operations := directives(t)
	for gate := range gates {
		op, _, parameter := strings.Cut(gate, "?")
		if parameter {
			require.Contains(t, operations, op, gate)
			continue
		}
		field, _, _ := strings.Cut(gate, "=")
		require.Contains(t, fields, field, gate)
	}
}

func collectFields(x reflect.Type, into map[string]bool) {
	switch x.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		collectFields(x.Elem(), into)
	case reflect.Struct:
		for field := range x.Fields() {
			name := x.Name() + "." + field.Name
			if field.IsExported() && !into[name] {
				into[name] = true
				collectFields(field.Type, into)
			}
		}
	}
}

// directives are the operations that the comments of the methods name.
func directives(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	line := regexp.MustCompile(`(?m)^//docker:operation (\w+ /\S+)$`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range line.FindAllStringSubmatch(string(text), -1) {
			found[match[1]] = true
		}
	}
	return found
}

// Each request starts with an operation that a comment names.
func TestEachRequestIsOfADirective(t *testing.T) {
	operations := directives(t)
	line := regexp.MustCompile(`newRequest\("(\w+ /[^"]+)"`)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	requests := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range line.FindAllStringSubmatch(string(text), -1) {
			requests++
			require.Contains(t, operations, match[1], file)
		}
	}
	require.Greater(t, requests, 40)
}
