package conformance

import (
	"context"
	"encoding"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/streams"
)

// byType are the values of types that are filled as a whole.
var byType = map[reflect.Type]func(i int) any{
	reflect.TypeFor[time.Time]():         func(i int) any { return time.Unix(1_700_000_000+int64(i), 0).UTC() },
	reflect.TypeFor[time.Duration]():     func(i int) any { return time.Duration(i) * time.Second },
	reflect.TypeFor[netip.Addr]():        func(i int) any { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) },
	reflect.TypeFor[netip.Prefix]():      func(i int) any { return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 16) },
	reflect.TypeFor[json.RawMessage]():   func(int) any { return json.RawMessage("{}") },
	reflect.TypeFor[auth.Credentials]():  func(i int) any { return auth.Credentials{Username: fmt.Sprintf("user%d", i), Password: "secret"} },
	reflect.TypeFor[docker.Filters]():    func(i int) any { return docker.Filters{"label": {fmt.Sprintf("l%d", i)}} },
	reflect.TypeFor[streams.Progress]():  func(int) any { return streams.Progress(func(streams.Message) {}) },
	reflect.TypeFor[docker.Port]():       func(i int) any { return docker.Port(fmt.Sprintf("%d/tcp", 8000+i)) },
	reflect.TypeFor[[]docker.Port]():     func(i int) any { return []docker.Port{docker.Port(fmt.Sprintf("%d/tcp", 8000+i))} },
	reflect.TypeFor[auth.Store]():        func(int) any { return forgetful{} },
	reflect.TypeFor[docker.PullPolicy](): func(int) any { return docker.PullAlways },
}

// forgetful is a store that keeps nothing.
type forgetful struct{ auth.Static }

func (forgetful) Store(context.Context, auth.Credentials) error { return nil }
func (forgetful) Erase(context.Context, string) error           { return nil }

// filler fills values, each with another text or number.
type filler struct{ n int }

func (f *filler) fill(v reflect.Value, field string) {
	f.n++
	if given, ok := byField[field]; ok {
		v.Set(reflect.ValueOf(given).Convert(v.Type()))
		return
	}
	if make, ok := byType[v.Type()]; ok {
		v.Set(reflect.ValueOf(make(f.n)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(1000 + f.n))
	case reflect.Uint8:
		v.SetUint(uint64(1 + f.n%200))
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(1000 + f.n))
	case reflect.Float64:
		v.SetFloat(float64(f.n) + 0.5)
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), func([]reflect.Value) []reflect.Value { return zeros(v.Type()) }))
	default:
		f.fillInner(v, field)
	}
}

func (f *filler) fillInner(v reflect.Value, field string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), field)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0), field)
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), field)
		}
	case reflect.Map:
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key, "")
		f.fill(elem, field)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, elem)
	case reflect.Interface:
		v.Set(reflect.ValueOf(fmt.Sprintf("s%d", f.n)))
	case reflect.Struct:
		for i := range v.NumField() {
			if sf := v.Type().Field(i); sf.IsExported() {
				f.fill(v.Field(i), v.Type().Name()+"."+sf.Name)
			}
		}
	default:
		panic("cannot fill " + v.Type().String())
	}
}

func zeros(f reflect.Type) []reflect.Value {
	var list []reflect.Value
	for i := range f.NumOut() {
		list = append(list, reflect.Zero(f.Out(i)))
	}
	return list
}

// leaf is one setting somewhere in an input.
type leaf struct {
	name  string // Type.Field, of the struct that has it
	kind  reflect.Type
	steps []int    // the fields on the way
	way   []string // the same, as Type.Field
}

// leaves are all settings that an input has.
func leaves(t reflect.Type) []leaf {
	if t.NumField() == 0 {
		return nil
	}
	return appendLeaves(nil, t, leaf{})
}

func appendLeaves(list []leaf, t reflect.Type, l leaf) []leaf {
	inner := t
	for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
		inner = inner.Elem()
	}
	if inner.Kind() != reflect.Struct || inner.NumField() == 0 || whole(inner) {
		l.kind = t
		return append(list, l)
	}
	for i := range inner.NumField() {
		if sf := inner.Field(i); sf.IsExported() {
			name := inner.Name() + "." + sf.Name
			list = appendLeaves(list, sf.Type, leaf{
				name: name, steps: append(slices.Clone(l.steps), i), way: append(slices.Clone(l.way), name),
			})
		}
	}
	return list
}

// whole tells of a struct that is one value.
func whole(t reflect.Type) bool {
	_, given := byType[t]
	return given || t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || t.Implements(reflect.TypeFor[json.Marshaler]())
}

// keep copies one leaf of full to its place in to, and makes what is around it.
func keep(to, full reflect.Value, steps []int) {
	if len(steps) == 0 {
		to.Set(full)
		return
	}
	switch to.Kind() {
	case reflect.Pointer:
		if to.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
		}
		keep(to.Elem(), full.Elem(), steps)
	case reflect.Slice:
		if to.Len() == 0 {
			to.Set(reflect.MakeSlice(to.Type(), 1, 1))
		}
		keep(to.Index(0), full.Index(0), steps)
	case reflect.Map:
		key := full.MapKeys()[0]
		elem := reflect.New(to.Type().Elem()).Elem()
		keep(elem, full.MapIndex(key), steps)
		to.Set(reflect.MakeMap(to.Type()))
		to.SetMapIndex(key, elem)
	case reflect.Struct:
		keep(to.Field(steps[0]), full.Field(steps[0]), steps[1:])
	}
}

// at finds a leaf in a value that has it.
func at(v reflect.Value, steps []int) reflect.Value {
	for len(steps) > 0 || v.Kind() == reflect.Pointer {
		switch v.Kind() {
		case reflect.Pointer:
			v = v.Elem()
		case reflect.Slice:
			v = v.Index(0)
		case reflect.Map:
			v = v.MapIndex(v.MapKeys()[0])
		default:
			v, steps = v.Field(steps[0]), steps[1:]
		}
	}
	return v
}
