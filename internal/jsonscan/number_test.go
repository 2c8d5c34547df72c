package jsonscan

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIntegers(t *testing.T) {
	zeros := strings.Repeat("0", 400)
	for _, text := range []string{
		"0", "-0", "1", "-1", "12345", "1e2", "1E2", "1e+2", "100e-2", "1.0", "1.5", "-2.50e1", "12.5e1", "0.1", "0e99", "0.0e-5",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"18446744073709551615", "18446744073709551616", "99999999999999999999", "1e18", "1e19", "1e20", "1844674407370955161.5e1",
		"1." + zeros, "1" + zeros + "e-400", "0." + zeros + "1e401", "1" + zeros, "1e-400", "1e400",
	} {
		checkIntegers(t, text)
	}
}

// checkIntegers compares both integer readers with exact arithmetic.
func checkIntegers(t *testing.T, text string) {
	t.Helper()
	want, ok := new(big.Rat).SetString(text)
	require.True(t, ok, text)
	var s Scanner
	s.Reset([]byte(text))
	got := s.Int64()
	if want.IsInt() && want.Num().IsInt64() {
		require.NoError(t, s.End(), text)
		require.Equal(t, want.Num().Int64(), got, text)
	} else {
		require.Error(t, s.End(), text)
		require.Zero(t, got)
	}
	s.Reset([]byte(text))
	unsigned := s.Uint64()
	if want.IsInt() && want.Num().IsUint64() {
		require.NoError(t, s.End(), text)
		require.Equal(t, want.Num().Uint64(), unsigned, text)
	} else {
		require.Error(t, s.End(), text)
		require.Zero(t, unsigned)
	}
}

func TestHugeExponents(t *testing.T) {
	var s Scanner
	for text, ok := range map[string]bool{
		"0e999999999999999999999": true, "1e999999999999999999999": false, "1e-999999999999999999999": false,
		"0.000e-99999999999": true, "-1e4294967296": false,
	} {
		s.Reset([]byte(text))
		require.Zero(t, s.Int64())
		require.Equal(t, ok, s.End() == nil, text)
	}
}

func TestFloat64(t *testing.T) {
	var s Scanner
	for _, text := range []string{"0", "-0.5", "1e300", "1e-400", "123456789.123456789", "17"} {
		want, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		s.Reset([]byte(text))
		require.Equal(t, want, s.Float64())
		require.NoError(t, s.End())
	}
	s.Reset([]byte(`1e999`))
	require.Zero(t, s.Float64())
	require.Error(t, s.End())
}

func TestIntegerErrorNamesTheKey(t *testing.T) {
	var s Scanner
	_, err := decodeRecord(&s, `{"int":1.5}`)
	require.ErrorContains(t, err, `field "int" at byte 7: want a 64-bit integer`)
	_, err = decodeRecord(&s, `{"uint": -1}`)
	require.ErrorContains(t, err, `field "uint" at byte 9: want an unsigned 64-bit integer`)
	_, err = decodeRecord(&s, `{"float":1e999}`)
	require.ErrorContains(t, err, `field "float"`)
	_, err = decodeRecord(&s, `{"int":1.x}`)
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.Equal(t, 9, syntax.Offset)
}

func FuzzScanner(f *testing.F) {
	for _, seed := range []string{
		`{"id":"a","progressDetail":{"current":1,"total":2e3},"aux":{"x":[1,-2.5,null,true,false]}}`,
		`[[[[]]],{"a":{"a":{}}}]`, `"\ud83d\ude80 \ud83d x \u00e9 \" \\ \/ \b\f\n\r\t"`, "\"\xff\xfe\"", `{"a":1,"a":2}`, `{"\u0061":"\ud800\ud800"}`,
		`-0.0e+10`, `18446744073709551616`, "1844674407370955161.50e1", ` { } `, `[1,]`, `{"a":}`, `nul`, "\"\\", "",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Scanner
		s.Reset(data)
		s.Skip()
		skipped := s.End()
		s.Reset(data)
		raw := s.Raw()
		require.Equal(t, skipped == nil, s.End() == nil)
		s.Reset(data)
		got := anyValue(&s)
		err := s.End()
		require.Equal(t, skipped == nil, err == nil, "skip: %v, read: %v", skipped, err)
		if strings.Count(string(data), "[")+strings.Count(string(data), "{") > MaxDepth {
			return
		}
		require.Equal(t, json.Valid(data), err == nil, "%v", err)
		if err != nil {
			return
		}
		require.Equal(t, strings.Trim(string(data), " \t\r\n"), string(raw))
		d := json.NewDecoder(strings.NewReader(string(data)))
		d.UseNumber()
		var want any
		require.NoError(t, d.Decode(&want))
		require.Equal(t, want, got)
		if n, ok := got.(json.Number); ok && !tooWide(string(n)) {
			checkIntegers(t, string(n))
		}
	})
}

// tooWide reports whether a number's exponent is too large for exact arithmetic.
func tooWide(text string) bool {
	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return false
	}
	e, err := strconv.Atoi(strings.TrimPrefix(text[i+1:], "+"))
	return err != nil || math.Abs(float64(e)) > 1000
}

// anyValue reads a value as encoding/json does into an any.
func anyValue(s *Scanner) any {
	switch s.Peek() {
	case '{':
		m := map[string]any{}
		for key := range s.Object {
			k := string(key)
			m[k] = anyValue(s)
		}
		return m
	case '[':
		l := []any{}
		for range s.Array {
			l = append(l, anyValue(s))
		}
		return l
	case '"':
		return s.String()
	case 't', 'f':
		return s.Bool()
	case 'n':
		s.Null()
		return nil
	}
	return json.Number(s.Raw())
}
