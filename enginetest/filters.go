package enginetest

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
	"time"
)

// filters are what a list is narrowed by: values by key.
type filters map[string][]string

// parseFilters reads both encodings: {"key":["value"]} and {"key":{"value":true}}.
func parseFilters(text string) (filters, error) {
	var f filters
	if err := json.Unmarshal([]byte(text), &f); err == nil {
		return f, nil
	}
	var old map[string]map[string]bool
	if err := json.Unmarshal([]byte(text), &old); err != nil {
		return nil, badRequest("invalid filter")
	}
	f = make(filters, len(old))
	for key, values := range old {
		for value, set := range values {
			if set {
				f[key] = append(f[key], value)
			}
		}
	}
	return f, nil
}

// has tells whether a value is among those of a key, or the key is not there.
func (f filters) has(key, value string) bool {
	return len(f[key]) == 0 || slices.Contains(f[key], value)
}

// any tells whether one of the values of a key passes, or the key is not there.
func (f filters) any(key string, pass func(value string) bool) bool {
	return len(f[key]) == 0 || slices.ContainsFunc(f[key], pass)
}

// id tells whether an identifier begins with one of the values of a key.
func (f filters) id(key, id string) bool {
	return f.any(key, func(v string) bool { return strings.HasPrefix(id, v) })
}

// name tells whether a value of a key is a part of a name.
func (f filters) name(key, name string) bool {
	return f.any(key, func(v string) bool {
		return v == name || strings.Contains(name, strings.Trim(v, "^$/")) && v[0] != '^' ||
			v != "" && v[0] == '^' && strings.HasPrefix(name, strings.Trim(v, "^$/")) && (!strings.HasSuffix(v, "$") || name == strings.Trim(v, "^$/"))
	})
}

// labels tells whether labels have all of "label" and none of "label!".
func (f filters) labels(labels map[string]string) bool {
	for _, want := range f["label"] {
		if !hasLabel(labels, want) {
			return false
		}
	}
	for _, unwanted := range f["label!"] {
		if hasLabel(labels, unwanted) {
			return false
		}
	}
	return true
}

func hasLabel(labels map[string]string, want string) bool {
	key, value, exact := strings.Cut(want, "=")
	have, ok := labels[key]
	return ok && (!exact || have == value)
}

// bool is a key that is true or false; without it, otherwise.
func (f filters) bool(key string, otherwise bool) (bool, error) {
	switch values := f[key]; {
	case len(values) == 0:
		return otherwise, nil
	case slices.Contains(values, "true"), slices.Contains(values, "1"):
		return true, nil
	case slices.Contains(values, "false"), slices.Contains(values, "0"):
		return false, nil
	default:
		return false, badRequest("invalid filter '%s=%v'", key, values)
	}
}

// until is the time of the key "until": a time, or how long ago. Zero is none.
func (f filters) until() (time.Time, error) {
	switch values := f["until"]; len(values) {
	case 0:
		return time.Time{}, nil
	case 1:
		return parseTime(values[0])
	default:
		return time.Time{}, badRequest("more than one until filter specified")
	}
}

// matches compares a name with a pattern that may have * and ?.
func matches(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}
