package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"strings"

	"github.com/cleat-go/docker"
)

// call is one use of a method of the client, for one of its operations.
type call struct {
	method string
	op     string
	input  reflect.Type // what may be set: a struct, or nil
	apart  bool         // of what may be set, some excludes other
	base   func() reflect.Value
	run    func(k kit, in reflect.Value) (any, error)
}

// kit is what a call is made with.
type kit struct {
	*docker.Client
	ctx context.Context
}

// none is the input of a call that has nothing to set.
type none struct{}

// plain is a call of a method whose parameters are texts, which get samples, and at most
// one struct or pointer to options, which is the input.
func plain(op string, method any) *call {
	f := reflect.ValueOf(method)
	c := &call{op: op, method: methodName(f)}
	input := -1
	for i := 2; i < f.Type().NumIn(); i++ {
		t := f.Type().In(i)
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct {
			c.input, input = t, i
		}
	}
	c.base = func() reflect.Value { return reflect.Zero(reflect.PointerTo(c.inputType())) }
	c.run = func(k kit, in reflect.Value) (any, error) {
		args := []reflect.Value{reflect.ValueOf(k.Client), reflect.ValueOf(k.ctx)}
		for i := 2; i < f.Type().NumIn(); i++ {
			args = append(args, argument(f.Type().In(i), i, i == input, in))
		}
		return result(f.Call(args))
	}
	return c
}

func (c *call) inputType() reflect.Type {
	if c.input == nil {
		return reflect.TypeFor[none]()
	}
	return c.input
}

func methodName(f reflect.Value) string {
	name := runtime.FuncForPC(f.Pointer()).Name()
	return name[strings.LastIndexByte(name, '.')+1:]
}

func argument(t reflect.Type, i int, isInput bool, in reflect.Value) reflect.Value {
	switch {
	case isInput && t.Kind() == reflect.Pointer:
		return in
	case isInput && in.IsNil():
		return reflect.Zero(t)
	case isInput:
		return in.Elem()
	case t.Kind() == reflect.String:
		return reflect.ValueOf(fmt.Sprintf("sample%d", i))
	case t == reflect.TypeFor[io.Reader]():
		return reflect.ValueOf(strings.NewReader("not compressed"))
	default:
		panic("no argument for a " + t.String())
	}
}

// result is what a call returned, with a body read to its end.
func result(out []reflect.Value) (any, error) {
	if err, _ := out[len(out)-1].Interface().(error); err != nil || len(out) == 1 {
		return nil, err
	}
	if body, ok := out[0].Interface().(io.ReadCloser); ok {
		return readAll(body)
	}
	return out[0].Interface(), nil
}

func readAll(body io.ReadCloser) (string, error) {
	text, err := io.ReadAll(body)
	return string(text), errors.Join(err, body.Close())
}

// special is a call that a function makes. It is given the input, which is nil at first
// where it is a type of the client's, as options are; needs fills in what it cannot do without.
func special[T any](method, op string, do func(kit, *T) (any, error), needs ...func(*T)) *call {
	c := &call{method: method, op: op, input: reflect.TypeFor[T]()}
	own := strings.HasSuffix(c.input.PkgPath(), "/conformance")
	c.base = func() reflect.Value {
		var in *T
		if own || len(needs) > 0 {
			in = new(T)
		}
		for _, fill := range needs {
			fill(in)
		}
		return reflect.ValueOf(in)
	}
	c.run = func(k kit, in reflect.Value) (any, error) { return do(k, in.Interface().(*T)) }
	return c
}

// apart marks a call whose settings exclude each other.
func apart(c *call) *call {
	c.apart = true
	return c
}

// needing gives a plain call what it cannot do without.
func needing[T any](c *call, fill func(*T)) *call {
	c.base = func() reflect.Value {
		in := new(T)
		fill(in)
		return reflect.ValueOf(in)
	}
	return c
}

// full is an input with everything set.
func (c *call) full() reflect.Value {
	in := reflect.New(c.inputType())
	(&filler{}).fill(in.Elem(), "")
	return in
}

// only is the least input and one leaf of another. It tells whether the least has it.
func (c *call) only(l leaf, full reflect.Value) (in reflect.Value, had bool) {
	in = c.base()
	if in.IsNil() {
		in = reflect.New(c.inputType())
	}
	before := reflect.New(c.inputType())
	before.Elem().Set(in.Elem())
	keep(in.Elem(), full.Elem(), l.steps)
	return in, reached(before.Elem(), l.steps)
}

// reached tells whether a leaf is set in v.
func reached(v reflect.Value, steps []int) bool {
	for len(steps) > 0 {
		switch v.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			if v.IsZero() || v.Kind() != reflect.Pointer && v.Len() == 0 {
				return false
			}
			v = at1(v)
		default:
			v, steps = v.Field(steps[0]), steps[1:]
		}
	}
	return !v.IsZero()
}

func at1(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Pointer:
		return v.Elem()
	case reflect.Slice:
		return v.Index(0)
	default:
		return v.MapIndex(v.MapKeys()[0])
	}
}
