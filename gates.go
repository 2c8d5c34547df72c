package docker

import (
	"reflect"
)

// gates holds what is newer than the oldest API that this module speaks, and since
// when: query parameters as "METHOD /path?parameter", keys of filters as
// "METHOD /path?filters=key", fields of request bodies as "Type.Field", and values of
// such fields as "Type.Field=value". An engine that does not know one of them ignores
// it without a word, so it is refused before anything is sent.
var gates = map[string]apiVersion{
	"POST /containers/create?platform":        41,
	"GET /containers/{id}/stats?one-shot":     41,
	"POST /containers/{id}/stop?signal":       42,
	"POST /containers/{id}/restart?signal":    42,
	"GET /containers/{id}/attach/ws?stdin":    42,
	"GET /containers/{id}/attach/ws?stdout":   42,
	"GET /containers/{id}/attach/ws?stderr":   42,
	"GET /containers/json?filters=annotation": 56,

	"GET /images/json?shared-size":        42,
	"GET /images/json?filters=until":      44,
	"GET /images/json?manifests":          47,
	"GET /images/json?identity":           54,
	"GET /images/{name}/json?manifests":   48,
	"GET /images/{name}/json?platform":    49,
	"GET /images/{name}/history?platform": 48,
	"POST /images/{name}/push?platform":   46,
	"DELETE /images/{name}?platforms":     50,
	"GET /images/{name}/get?platform":     48,
	"GET /images/get?platform":            48,
	"POST /images/load?platform":          48,

	"GET /images/{name}/attestations?statement": 55, // always sent, so that it gates the call
	"POST /build/prune?reserved-space":          48,
	"POST /build/prune?max-used-space":          48,
	"POST /build/prune?min-free-space":          48,
	"POST /volumes/prune?filters=all":           42,
	"PUT /volumes/{name}?version":               42,

	"GET /system/df?type":    42,
	"GET /system/df?verbose": 52,

	"HostConfig.CgroupnsMode":               41,
	"HostConfig.Annotations":                43,
	"HostConfig.Umask":                      56,
	"HealthConfig.StartInterval":            44,
	"Mount.ImageOptions":                    48,
	"Mount.Type=image":                      48,
	"Mount.Type=cluster":                    42,
	"Mount.ClusterOptions":                  42,
	"BindOptions.CreateMountpoint":          42,
	"BindOptions.ReadOnlyNonRecursive":      44,
	"BindOptions.ReadOnlyForceRecursive":    44,
	"VolumeOptions.Subpath":                 45,
	"TmpfsOptions.Options":                  46,
	"EndpointSettings.GwPriority":           48,
	"EndpointSettings.MacAddress":           44,
	"GET /services?status":                  41,
	"ServiceMode.ReplicatedJob":             41,
	"ServiceMode.GlobalJob":                 41,
	"ContainerSpec.CapabilityAdd":           41,
	"ContainerSpec.CapabilityDrop":          41,
	"ContainerSpec.Ulimits":                 41,
	"ContainerSpec.OomScoreAdj":             46,
	"ContainerPrivileges.Seccomp":           44,
	"ContainerPrivileges.AppArmor":          44,
	"ContainerPrivileges.NoNewPrivileges":   44,
	"ResourceLimits.Pids":                   41,
	"ResourceRequirements.SwapBytes":        52,
	"ResourceRequirements.MemorySwappiness": 52,

	"VolumeCreateOptions.ClusterVolumeSpec": 42,
	"NetworkCreateOptions.EnableIPv4":       48,
	"networkConnectRequest.MacAddress":      54,
	"execCreateRequest.ConsoleSize":         42,
	"execStartRequest.ConsoleSize":          42,
}

// checkGates refuses a request with anything newer than the version in use.
func (r *request) checkGates(v apiVersion) error {
	for _, key := range sortedKeys(r.query) {
		if err := checkGate(r.op+"?"+key, key, v); err != nil {
			return err
		}
	}
	for _, key := range sortedKeys(r.filterKeys) {
		if err := checkGate(r.op+"?filters="+key, "filter "+key, v); err != nil {
			return err
		}
	}
	if r.fields == nil || v >= maxAPI {
		return nil
	}
	return checkFields(reflect.ValueOf(r.fields), v)
}

func checkGate(gate, option string, v apiVersion) error {
	if since := gates[gate]; since > v {
		return unsupported("the option %s needs API %s, and the engine is spoken to in %s", option, since, v)
	}
	return nil
}

// checkFields walks a request's body for fields that are set and newer than v.
func checkFields(x reflect.Value, v apiVersion) error {
	switch x.Kind() {
	case reflect.Pointer, reflect.Interface:
		if x.IsNil() {
			return nil
		}
		return checkFields(x.Elem(), v)
	case reflect.Slice, reflect.Array:
		for i := range x.Len() {
			if err := checkFields(x.Index(i), v); err != nil {
				return err
			}
		}
	case reflect.Map:
		for entries := x.MapRange(); entries.Next(); {
			if err := checkFields(entries.Value(), v); err != nil {
				return err
			}
		}
	case reflect.Struct:
		return checkStruct(x, v)
	}
	return nil
}

func checkStruct(x reflect.Value, v apiVersion) error {
	for i := range x.NumField() {
		field := x.Type().Field(i)
		if !field.IsExported() || x.Field(i).IsZero() {
			continue
		}
		gate, option := x.Type().Name()+"."+field.Name, field.Name
		if upper(gate[0]) {
			option = gate
		}
		if err := checkGate(gate, option, v); err != nil {
			return err
		}
		if field.Type.Kind() == reflect.String {
			text := x.Field(i).String()
			if err := checkGate(gate+"="+text, option+" "+text, v); err != nil {
				return err
			}
		}
		if err := checkFields(x.Field(i), v); err != nil {
			return err
		}
	}
	return nil
}
