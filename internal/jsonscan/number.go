package jsonscan

import (
	"math"
	"strconv"
)

// Int64 reads a number whose value is an integer, however it is written: 100, 1e2, 100.0.
func (s *Scanner) Int64() int64 {
	at := s.pos
	neg, v, ok := s.integer()
	switch {
	case ok && !neg && v <= math.MaxInt64:
		return int64(v)
	case ok && neg && v <= -math.MinInt64:
		return -int64(v)
	}
	s.pos = at
	s.wrongRange("a 64-bit integer")
	return 0
}

// Uint64 reads a number whose value is an integer and not negative, however it is written.
func (s *Scanner) Uint64() uint64 {
	at := s.pos
	neg, v, ok := s.integer()
	if ok && (!neg || v == 0) {
		return v
	}
	s.pos = at
	s.wrongRange("an unsigned 64-bit integer")
	return 0
}

// Float64 reads a number.
func (s *Scanner) Float64() float64 {
	at := s.pos
	text := s.numberOrNull()
	if len(text) == 0 {
		return 0
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		s.pos = at
		s.wrongRange("a 64-bit float")
		return 0
	}
	return f
}

// wrongRange fails on a number that the field cannot hold.
func (s *Scanner) wrongRange(want string) {
	if s.err == nil {
		s.wrongType(want)
	}
}

// integer reads a number. It is ok if the magnitude is a whole number of 64 bits.
func (s *Scanner) integer() (neg bool, v uint64, ok bool) {
	text := s.numberOrNull()
	digits := text
	if len(digits) > 0 && digits[0] == '-' {
		neg, digits = true, digits[1:]
	}
	if len(digits) > 19 {
		v, ok = whole(digits)
		return neg, v, ok
	}
	for _, c := range digits {
		if !isDigit(c) {
			v, ok = whole(digits)
			return neg, v, ok
		}
		v = v*10 + uint64(c-'0')
	}
	return neg, v, s.err == nil
}

func (s *Scanner) numberOrNull() []byte {
	c := s.Peek()
	if c != '-' && !isDigit(c) {
		if !s.Null() {
			s.wrongType("a number")
		}
		return nil
	}
	return s.number()
}

// number reads a number and returns its text.
func (s *Scanner) number() []byte {
	start := s.pos
	if s.pos < len(s.data) && s.data[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.data) && s.data[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return nil
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return nil
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return nil
		}
	}
	return s.data[start:s.pos]
}

// digits reads one digit or more.
func (s *Scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && isDigit(s.data[s.pos]) {
		s.pos++
	}
	if s.pos == start {
		s.fail("want a value")
		return false
	}
	return true
}

// whole returns the value of an unsigned number if it is a whole number of 64 bits.
func whole(text []byte) (v uint64, ok bool) {
	scale, zeros, point := 0, 0, false
	i := 0
	for ; i < len(text) && text[i]|0x20 != 'e'; i++ {
		c := text[i]
		if c == '.' {
			point = true
			continue
		}
		if point {
			scale--
		}
		if c == '0' {
			zeros++
			continue
		}
		if v, ok = times10(v, zeros+1); !ok || v > math.MaxUint64-uint64(c-'0') {
			return 0, false
		}
		v, zeros = v+uint64(c-'0'), 0
	}
	if i < len(text) {
		scale += exponent(text[i+1:])
	}
	return times10(v, scale+zeros)
}

// exponent reads an exponent, and stops far beyond all that matters.
func exponent(text []byte) int {
	e, neg := 0, text[0] == '-'
	for _, c := range text {
		if isDigit(c) && e < 1<<26 {
			e = e*10 + int(c-'0')
		}
	}
	if neg {
		return -e
	}
	return e
}

// times10 multiplies v by a power of ten.
func times10(v uint64, power int) (uint64, bool) {
	for ; v != 0 && power > 0; power-- {
		if v > math.MaxUint64/10 {
			return 0, false
		}
		v *= 10
	}
	return v, v == 0 || power == 0
}
