package streams

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/jsonscan"
)

type item struct {
	Name string `json:"name"`
	N    int    `json:"n"`
}

func take[T any](seq iter.Seq2[T, error]) (list []T, err error) {
	for v, e := range seq {
		if err != nil {
			return list, errors.New("a step after an error")
		}
		if err = e; e == nil {
			list = append(list, v)
		}
	}
	return list, err
}

// The same three items, framed in each way that an engine may use.
var itemStreams = map[string]string{
	"lf":           "{\"name\":\"a\\n{\",\"n\":1}\n{\"name\":\"🚀\"}\n{\"n\":3}\n",
	"crlf":         "{\"name\":\"a\\n{\",\"n\":1}\r\n{\"name\":\"🚀\"}\r\n{\"n\":3}\r\n",
	"concatenated": "{\"name\":\"a\\n{\",\"n\":1}{\"name\":\"🚀\"}{\"n\":3}",
	"json-seq":     "\x1e{\"name\":\"a\\n{\",\"n\":1}\n\x1e{\"name\":\"🚀\"}\n\x1e{\"n\":3}\n",
}

var items = []item{{"a\n{", 1}, {"🚀", 0}, {"", 3}}

func TestJSON(t *testing.T) {
	for framing, data := range itemStreams {
		for name, read := range readers {
			list, err := take(JSON[item](read(strings.NewReader(data))))
			require.NoError(t, err, "%s %s", framing, name)
			require.Equal(t, items, list)
		}
		for i := range len(data) + 1 {
			list, err := take(JSON[item](io.MultiReader(strings.NewReader(data[:i]), strings.NewReader(data[i:]))))
			require.NoError(t, err)
			require.Equal(t, items, list)
		}
	}
}

func TestJSONPrefixes(t *testing.T) {
	for framing, data := range itemStreams {
		for i := range len(data) {
			want, end := decodeAll(data[:i])
			list, err := take(JSON[item](strings.NewReader(data[:i])))
			require.Equal(t, end, kind(err), "%s at %d", framing, i)
			require.Len(t, list, len(want))
			require.Equal(t, items[:len(list)], append([]item{}, list...))
		}
	}
}

// decodeAll decodes a stream with encoding/json, and names its end as kind does.
func decodeAll(data string) (values []json.RawMessage, end string) {
	d := json.NewDecoder(strings.NewReader(strings.ReplaceAll(data, "\x1e", " ")))
	for {
		var v json.RawMessage
		switch err := d.Decode(&v); err {
		case nil:
			values = append(values, v)
		case io.EOF:
			return values, "end"
		case io.ErrUnexpectedEOF:
			return values, "truncated"
		default:
			return values, "error"
		}
	}
}

func TestJSONErrors(t *testing.T) {
	boom := errors.New("boom")
	good := `{"name":"a"}`
	for i := range len(good) + 1 {
		_, err := take(JSON[item](io.MultiReader(strings.NewReader(good[:i]), iotest.ErrReader(boom))))
		require.ErrorIs(t, err, boom)
		_, err = take(JSON[item](io.MultiReader(strings.NewReader(good[:i]), iotest.ErrReader(io.ErrUnexpectedEOF))))
		require.ErrorIs(t, err, errdefs.ErrTruncated)
	}
	_, err := take(JSON[item](iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(good)))))
	require.ErrorIs(t, err, iotest.ErrTimeout)
	_, err = take(JSON[item](&emptyReader{}))
	require.ErrorIs(t, err, io.ErrNoProgress)

	list, err := take(JSON[item](strings.NewReader(good + ` {"name":5}` + good)))
	require.Equal(t, []item{{Name: "a"}}, list)
	require.ErrorContains(t, err, "value at byte 13 of the stream")
	var typeErr *json.UnmarshalTypeError
	require.ErrorAs(t, err, &typeErr)

	_, err = take(JSON[item](strings.NewReader(`{"name"}`)))
	var syntax *json.SyntaxError
	require.ErrorAs(t, err, &syntax)

	_, err = take(JSON[item](io.MultiReader(strings.NewReader(`{"name":"`), repeat('x'))))
	require.ErrorIs(t, err, jsonscan.ErrTooLarge)
}

// proxied are streams that a proxy, or something else, has written its own text into.
var proxied = map[string]string{
	`{"name":"a"}copying response body: unexpected EOF`:      "copying response body: unexpected EOF",
	"{\"name\":\"a\"}\r\n<html>\n<h1>502 Bad Gateway</h1>\n": "<html>\n<h1>502 Bad Gateway</h1>\n",
	"{\"name\":\"a\"}\n404 page not found\n":                 "404 page not found\n",
	`{"name":"a"}true story`:                                 "true story",
	`{"name":"a"}"quoted" text`:                              `"quoted" text`,
	`{"name":"a"}` + strings.Repeat("no ", 5000):             strings.Repeat("no ", 5000)[:2<<10],
}

func TestPlainTextInTheStream(t *testing.T) {
	for data, text := range proxied {
		list, err := take(JSON[item](strings.NewReader(data)))
		require.Equal(t, []item{{Name: "a"}}, list)
		checkText(t, err, text)
		messages, err := take(Messages(strings.NewReader(data)))
		require.Equal(t, []Message{{}}, messages)
		checkText(t, err, text)
	}
}

func checkText(t *testing.T, err error, text string) {
	t.Helper()
	var textErr *jsonscan.TextError
	require.ErrorAs(t, err, &textErr)
	require.True(t, strings.HasPrefix(text, textErr.Text), "%q", textErr.Text)
	require.GreaterOrEqual(t, len(textErr.Text), min(len(text), 400))
	require.NotErrorIs(t, err, errdefs.ErrTruncated)
	require.Less(t, len(err.Error()), 3<<10)
}

// custom decodes itself and takes whatever it is given.
type custom struct{ raw string }

func (c *custom) UnmarshalJSON(b []byte) error {
	if strings.Contains(string(b), "refuse") {
		return errors.New("refused by custom")
	}
	c.raw = string(b)
	return nil
}

func TestJSONUnmarshaler(t *testing.T) {
	list, err := take(JSON[custom](strings.NewReader(`{ "a" : 1 }{"not": valid}[2]`)))
	require.NoError(t, err)
	require.Equal(t, []custom{{`{ "a" : 1 }`}, {`{"not": valid}`}, {`[2]`}}, list)
	_, err = take(JSON[custom](strings.NewReader(`{"refuse":1}`)))
	require.ErrorContains(t, err, "refused by custom")

	raw, err := take(JSON[json.RawMessage](strings.NewReader(`{"a":1} 2 {"not": valid}`)))
	require.Error(t, err)
	require.Equal(t, []json.RawMessage{[]byte(`{"a":1}`), []byte(`2`)}, raw)
}

func TestJSONScalars(t *testing.T) {
	list, err := take(JSON[int](strings.NewReader("1 2\n3")))
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3}, list)
	pointers, err := take(JSON[*item](strings.NewReader(`{"n":1} null {"n":2}`)))
	require.NoError(t, err)
	require.Equal(t, []*item{{N: 1}, nil, {N: 2}}, pointers)
}

// Nothing of a value shows through in the next one.
func TestJSONValuesAreApart(t *testing.T) {
	type lists struct {
		Names []string
		Tags  map[string]string
	}
	list, err := take(JSON[lists](strings.NewReader(`{"names":["a","b"],"tags":{"k":"v"}}{"names":["c"],"tags":{"l":"w"}}{}`)))
	require.NoError(t, err)
	require.Equal(t, []lists{
		{[]string{"a", "b"}, map[string]string{"k": "v"}}, {[]string{"c"}, map[string]string{"l": "w"}}, {},
	}, list)
}

// The forms in which engines have reported failures.
var failures = map[string]*EngineError{
	`{"errorDetail":{"code":1,"message":"m"},"error":"m"}`: {Code: 1, Message: "m"},
	`{"error":"old"}`:                                                        {Message: "old"},
	`{"errorDetail":{"message":"new"}}`:                                      {Message: "new"},
	`{"errorDetail":{"message":"é\n\"q\""},"error":"other"}`:                 {Message: "é\n\"q\""},
	`{"error":"text","errorDetail":{}}`:                                      {Message: "text"},
	`{"errorDetail":{}}`:                                                     {},
	`{"errorDetail":{"code":404}}`:                                           {Code: 404},
	`{"errorDetail":{"code":null,"message":null},"error":"e"}`:               {Message: "e"},
	`{"errorDetail":"a string"}`:                                             {Message: "a string"},
	`{"errorDetail":{"code":1e300,"message":"m"}}`:                           {Code: 1<<31 - 1, Message: "m"},
	`{"errorDetail":{"code":"1","message":"m"}}`:                             {Message: "m"},
	`{"error":{"message":"inside"}}`:                                         {Message: `{"message":"inside"}`},
	`{"stream":"x","status":"y","error":"with more","errorDetail":null}`:     {Message: "with more"},
	`{"error":"","errorDetail":null}`:                                        nil,
	`{"error":null}`:                                                         nil,
	`{"status":"\"error\" is only a word","aux":{"error":"not at the top"}}`: nil,
}

func TestErrorRecords(t *testing.T) {
	for record, want := range failures {
		data := `{"status":"before"}` + "\r\n" + record + "\r\n" + `{"status":"after"}`
		for _, read := range readers {
			list, err := take(JSON[item](read(strings.NewReader(data))))
			checkFailure(t, record, want, len(list), err)
			messages, err := take(Messages(read(strings.NewReader(data))))
			checkFailure(t, record, want, len(messages), err)
		}
	}
}

func checkFailure(t *testing.T, record string, want *EngineError, values int, err error) {
	t.Helper()
	if want == nil {
		require.NoError(t, err, record)
		require.Equal(t, 3, values, record)
		return
	}
	var got *EngineError
	require.ErrorAs(t, err, &got, record)
	require.Equal(t, *want, *got, record)
	require.Equal(t, 1, values, record)
	require.NotEmpty(t, err.Error())
}

func TestJSONBreak(t *testing.T) {
	r := &countingReader{Reader: iotest.OneByteReader(strings.NewReader(itemStreams["lf"]))}
	for _, next := range []func() error{loop(JSON[item](r)), loop(Messages(r))} {
		require.NoError(t, next())
		n := r.n
		require.ErrorIs(t, next(), errLeft)
		require.Equal(t, n, r.n)
	}
}

// loop returns a function that begins a loop and leaves it at once.
func loop[T any](seq iter.Seq2[T, error]) func() error {
	return func() error {
		for _, err := range seq {
			return err
		}
		return io.EOF
	}
}

func TestJSONMemory(t *testing.T) {
	for _, start := range []string{`{"a":"`, `[`, `{"status":"`} {
		r := func() io.Reader { return io.MultiReader(strings.NewReader(start), repeat('1')) }
		n := allocation(func() {
			_, err := take(JSON[item](r()))
			require.ErrorIs(t, err, jsonscan.ErrTooLarge)
		})
		n += allocation(func() {
			_, err := take(Messages(r()))
			require.ErrorIs(t, err, jsonscan.ErrTooLarge)
		})
		require.Less(t, n, uint64(2*4*jsonscan.DefaultLimit))
	}
	deep := strings.Repeat(`{"a":`, 1<<20)
	_, err := take(Messages(strings.NewReader(deep + "1" + strings.Repeat("}", 1<<20))))
	require.Error(t, err)
	require.Less(t, len(err.Error()), 200)
}

func TestMessages(t *testing.T) {
	data := "{\"status\":\"Pulling from library/alpine\",\"id\":\"3.22\"}\r\n" +
		"{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1024,\"total\":3e6},\"progress\":\"[\\u003e   ]\",\"id\":\"a3ed95caeb02\"}\r\n" +
		"{\"status\":\"Extracting\",\"progressDetail\":{\"current\":2,\"units\":\"s\",\"hidecounts\":true,\"start\":17},\"id\":\"a3ed95caeb02\"}\r\n" +
		"{\"stream\":\"Step 1/2 : FROM scratch\\n\"}\r\n" +
		"{\"aux\":{\"ID\":\"sha256:ab\"}}\r\n" +
		"{\"status\":null,\"id\":null,\"stream\":null,\"progressDetail\":null,\"aux\":null,\"new\":[{}]}\r\n"
	want := []Message{
		{Status: "Pulling from library/alpine", ID: "3.22"},
		{Status: "Downloading", ID: "a3ed95caeb02", Current: 1024, Total: 3e6},
		{Status: "Extracting", ID: "a3ed95caeb02", Current: 2, Units: "s", HideCounts: true},
		{Stream: "Step 1/2 : FROM scratch\n"},
		{Aux: json.RawMessage(`{"ID":"sha256:ab"}`)},
		{},
	}
	for name, read := range readers {
		list, err := take(Messages(read(strings.NewReader(data))))
		require.NoError(t, err, name)
		require.Equal(t, want, list, name)
	}
	for i := range len(data) {
		values, end := decodeAll(data[:i])
		list, err := take(Messages(strings.NewReader(data[:i])))
		require.Equal(t, end, kind(err))
		require.Equal(t, want[:len(values)], append([]Message{}, list...))
		list, err = take(Messages(io.MultiReader(strings.NewReader(data[:i]), strings.NewReader(data[i:]))))
		require.NoError(t, err)
		require.Equal(t, want, list)
	}
}

func TestMessagesErrors(t *testing.T) {
	for data, text := range map[string]string{
		`{"status":5}`:                        `field "status"`,
		`{"progressDetail":{"current":"1"}}`:  `field "current"`,
		`{"progressDetail":[]}`:               `field "progressDetail"`,
		`{"id":"a","id"}`:                     "want a colon",
		`{"id":"a"]`:                          "want a comma",
		`{"aux":{"a":nope}}`:                  "not JSON",
		`null`:                                "not JSON",
		`["a"]`:                               "want an object",
		`{"progressDetail":{"current":1e99}}`: `field "current"`,
	} {
		list, err := take(Messages(strings.NewReader(`{"id":"before"}` + data)))
		require.Equal(t, []Message{{ID: "before"}}, list)
		require.ErrorContains(t, err, text, data)
		require.NotErrorIs(t, err, errdefs.ErrTruncated)
	}
}

// An Aux stays what it was when the loop has gone on.
func TestMessagesKeepAux(t *testing.T) {
	list, err := take(Messages(strings.NewReader(`{"aux":{"Tag":"a"}}` + "\r\n" + `{"aux":{"Tag":"b"}}` + "\r\n" + `{"status":"xxxxxxxxxx"}`)))
	require.NoError(t, err)
	require.Equal(t, []string{`{"Tag":"a"}`, `{"Tag":"b"}`}, []string{string(list[0].Aux), string(list[1].Aux)})
}

func TestMessagesAllocations(t *testing.T) {
	data := pullStream(5000)
	n := testing.AllocsPerRun(5, func() {
		for _, err := range Messages(bytes.NewReader(data)) {
			if err != nil {
				t.Fatal(err)
			}
		}
	})
	require.LessOrEqual(t, n, 50.0)
}
