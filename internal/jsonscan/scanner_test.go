package jsonscan

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// record has a field of each kind.
type record struct {
	Name  string
	Bytes string
	Time  time.Time
	Int   int64
	Uint  uint64
	Float float64
	Bool  bool
	Tags  []string
	Inner map[string]int64
	Raw   string
}

func decodeRecord(s *Scanner, data string) (r record, err error) {
	s.Reset([]byte(data))
	for key := range s.Object {
		switch string(key) {
		case "name":
			r.Name = s.String()
		case "bytes":
			r.Bytes = string(s.StringBytes())
		case "time":
			r.Time = s.Time()
		case "int":
			r.Int = s.Int64()
		case "uint":
			r.Uint = s.Uint64()
		case "float":
			r.Float = s.Float64()
		case "bool":
			r.Bool = s.Bool()
		case "tags":
			for range s.Array {
				r.Tags = append(r.Tags, s.String())
			}
		case "inner":
			for key := range s.Object {
				if r.Inner == nil {
					r.Inner = make(map[string]int64)
				}
				r.Inner[string(key)] = s.Int64()
			}
		case "raw":
			r.Raw = string(s.Raw())
		}
	}
	return r, s.End()
}

func TestScannerFields(t *testing.T) {
	var s Scanner
	got, err := decodeRecord(&s, ` { "unknown" : {"a":[1,{"b":null}],"c":"\"}"}, "name":"a\nb\u00e9\ud83d\ude80",
		"bytes":"plain","time":"2026-03-01T10:00:00.5Z","int":-12,"uint":18446744073709551615,"float":-1.5e3,
		"bool":true,"tags":["x","y"],"inner":{"one":1,"t\u0077o":2},"raw": [ 1 , 2 ] ,"more":[]} `)
	require.NoError(t, err)
	require.Equal(t, record{
		Name: "a\nbé🚀", Bytes: "plain", Time: time.Date(2026, 3, 1, 10, 0, 0, 5e8, time.UTC),
		Int: -12, Uint: math.MaxUint64, Float: -1500, Bool: true, Tags: []string{"x", "y"},
		Inner: map[string]int64{"one": 1, "two": 2}, Raw: "[ 1 , 2 ]",
	}, got)
}

func TestScannerNull(t *testing.T) {
	var s Scanner
	keys := []string{"name", "bytes", "time", "int", "uint", "float", "bool", "tags", "inner"}
	got, err := decodeRecord(&s, `{"`+strings.Join(keys, `":null,"`)+`":null}`)
	require.NoError(t, err)
	require.Zero(t, got)

	got, err = decodeRecord(&s, "null")
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestScannerWrongType(t *testing.T) {
	values := map[string]string{
		"an object": `{"a":1}`, "an array": `["x"]`, "a string": `"s"`, "a boolean": `false`, "a number": `17`,
	}
	fits := map[string]string{
		"name": "a string", "bytes": "a string", "int": "a number", "uint": "a number", "float": "a number",
		"bool": "a boolean", "tags": "an array", "inner": "an object", "time": "",
	}
	var s Scanner
	for key, fit := range fits {
		for kind, value := range values {
			got, err := decodeRecord(&s, fmt.Sprintf(`{"a":1,%q:%s}`, key, value))
			if kind == fit {
				require.NoError(t, err, "%s %s", key, value)
				require.NotZero(t, fmt.Sprint(got))
				continue
			}
			var typeErr *TypeError
			require.ErrorAs(t, err, &typeErr, "%s %s", key, value)
			require.Equal(t, key, typeErr.Key)
			require.Equal(t, kind, typeErr.Found)
			require.Equal(t, len(`{"a":1,"":`)+len(key), typeErr.Offset)
			require.ErrorContains(t, err, fmt.Sprintf("field %q", key))
		}
	}
}

func TestScannerWrongTypeInside(t *testing.T) {
	var s Scanner
	_, err := decodeRecord(&s, `{"tags":["a",5]}`)
	require.ErrorContains(t, err, `field "tags" at byte 13: want a string, found a number`)
	_, err = decodeRecord(&s, `{"inner":{"deep":"x"}}`)
	require.ErrorContains(t, err, `field "deep"`)
	_, err = decodeRecord(&s, `17`)
	require.ErrorContains(t, err, `want an object, found a number`)
	_, err = decodeRecord(&s, `{"`+strings.Repeat("k", 1<<16)+`":{},"name":1}`)
	require.ErrorContains(t, err, `field "name"`)
	_, err = decodeRecord(&s, `{"inner":{"`+strings.Repeat("k", 1<<16)+`":"s"}}`)
	require.Less(t, len(err.Error()), 200)
}

func TestScannerMalformed(t *testing.T) {
	for _, data := range []string{
		"", " ", "{", "}", "[", "]", "{]", "[}", `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`, `{"a" 1}`,
		`{"a":1 "b":2}`, `{a:1}`, `{1:1}`, `[1,]`, `[,1]`, `[1 2]`, `"`, `"\"`, `"\x"`, `"\u12"`, `"\u12g4"`, "\"a\nb\"",
		"\"\x00\"", `tru`, `truth`, `nul`, `nil`, `falsy`, `-`, `01`, `1.`, `.5`, `1e`, `1e+`, `+1`, `0x1`, `NaN`, `1 2`,
		`{} {}`, `{}x`, "\xff", "\ufeff{}",
	} {
		require.False(t, json.Valid([]byte(data)), "%q", data)
		var s Scanner
		s.Reset([]byte(data))
		s.Skip()
		require.Error(t, s.End(), "%q", data)
		_, err := decodeRecord(&s, data)
		require.Error(t, err, "%q", data)
		require.Nil(t, s.Raw())
		require.Equal(t, "0 false false", s.String()+fmt.Sprint(s.Int64(), s.Bool(), s.Null()))
	}
}

func TestScannerDepth(t *testing.T) {
	var s Scanner
	for _, open := range []string{"[", `{"a":`} {
		end := map[string]string{"[": "]", `{"a":`: "}"}[open]
		for depth, ok := range map[int]bool{MaxDepth: true, MaxDepth + 1: false, 1 << 20: false} {
			s.Reset([]byte(strings.Repeat(open, depth) + "0" + strings.Repeat(end, depth)))
			s.Skip()
			require.Equal(t, ok, s.End() == nil, "%s %d: %v", open, depth, s.Err())
		}
	}
	s.Reset([]byte("[" + strings.Repeat("[],{},", 2*MaxDepth) + "0]"))
	s.Skip()
	require.NoError(t, s.End())
}

func TestScannerErrorSticks(t *testing.T) {
	var s Scanner
	s.Reset([]byte(`{"name":5,"int":6,"tags":["a"]}`))
	n := 0
	for key := range s.Object {
		n++
		require.Equal(t, "name", string(key))
		require.Empty(t, s.String())
		require.Zero(t, s.Int64())
		for range s.Array {
			t.Error("an element after an error")
		}
	}
	require.Equal(t, 1, n)
	first := s.Err()
	require.Error(t, first)
	require.Same(t, first, s.End())
	s.Reset([]byte("7"))
	require.NoError(t, s.Err())
	require.EqualValues(t, 7, s.Int64())
}

func TestScannerTopLevel(t *testing.T) {
	var s Scanner
	s.Reset([]byte(` "text" `))
	require.EqualValues(t, '"', s.Peek())
	require.Equal(t, "text", s.String())
	require.NoError(t, s.End())
	require.Zero(t, s.Peek())

	s.Reset([]byte(`[true,false,null,"",[],{}]`))
	var got []string
	for range s.Array {
		got = append(got, string(s.Raw()))
	}
	require.NoError(t, s.End())
	require.Equal(t, []string{"true", "false", "null", `""`, "[]", "{}"}, got)
}

func TestScannerKeepsEscapedKeys(t *testing.T) {
	var s Scanner
	s.Reset([]byte(`{"\u0061":{"\u0062":"\u0063"}}`))
	for key := range s.Object {
		for inner := range s.Object {
			require.Equal(t, "c", string(s.StringBytes()))
			require.Equal(t, "b", string(inner))
		}
		require.Equal(t, "a", string(key))
	}
	require.NoError(t, s.End())
}

func TestScannerTime(t *testing.T) {
	var s Scanner
	for text, ok := range map[string]bool{
		`""`: true, `null`: true, `"2026-03-01T10:00:00Z"`: true, `"2026-03-01T10:00:00.123456789+02:00"`: true,
		`"0001-01-01T00:00:00Z"`: true, `"yesterday"`: false, `"2026-03-01"`: false, `5`: false,
	} {
		s.Reset([]byte(text))
		got := s.Time()
		require.Equal(t, ok, s.End() == nil, text)
		var want time.Time
		if ok && text != `""` {
			require.NoError(t, json.Unmarshal([]byte(text), &want))
		}
		require.True(t, want.Equal(got), text)
	}
}

func TestScannerDoesNotAllocate(t *testing.T) {
	data := []byte(`{"id":"a3ed95","status":"Down\tloading","progressDetail":{"current":12,"total":5e3},"x":[{"y":"z"}],"f":true}`)
	var s Scanner
	var texts Strings
	var sum int64
	var id, status string
	n := testing.AllocsPerRun(100, func() {
		s.Reset(data)
		for key := range s.Object {
			switch string(key) {
			case "id":
				id = s.Intern(&texts)
			case "status":
				status = s.Intern(&texts)
			case "progressDetail":
				for key := range s.Object {
					sum += int64(len(key)) + s.Int64()
				}
			}
		}
	})
	require.NoError(t, s.End())
	require.Zero(t, n)
	require.Equal(t, "a3ed95 Down\tloading", id+" "+status)
	require.NotZero(t, sum)
}

func TestStrings(t *testing.T) {
	var table Strings
	require.Empty(t, table.Intern(nil))
	long := []byte(strings.Repeat("x", maxTextLen+1))
	require.Equal(t, string(long), table.Intern(long))
	require.Empty(t, table.texts)
	for i := range 10 * maxTexts {
		text := fmt.Sprint("text ", i)
		require.Equal(t, text, table.Intern([]byte(text)))
		require.LessOrEqual(t, len(table.texts), maxTexts)
	}
	same := []byte("the same again")
	first := table.Intern(same)
	require.Zero(t, testing.AllocsPerRun(10, func() { table.Intern(same) }))
	same[0] = 'T'
	require.Equal(t, "the same again", first)
}

func BenchmarkScanner(b *testing.B) {
	data := []byte(`{"status":"Downloading","progressDetail":{"current":1234567,"total":65600000},"progress":"[===>   ]  1.2MB/65.6MB","id":"a3ed95caeb02"}`)
	var s Scanner
	var texts Strings
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset(data)
		for key := range s.Object {
			if string(key) == "status" || string(key) == "id" {
				s.Intern(&texts)
			}
		}
		if s.End() != nil {
			b.Fatal(s.Err())
		}
	}
}
