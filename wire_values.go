package docker

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// UnixTime is a time that the API carries as a number of seconds since 1970.
// 0 on the wire is the zero time, which stands for "unknown".
type UnixTime struct{ time.Time }

// MarshalJSON writes the number of seconds, 0 for the zero time.
func (t UnixTime) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("0"), nil
	}
	return strconv.AppendInt(nil, t.Unix(), 10), nil
}

// UnmarshalJSON reads a number of seconds, whole or with a fraction, or null.
func (t *UnixTime) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		t.Time = unixTime(n, 0)
		return nil
	}
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	sec, frac := math.Modf(min(max(f, math.MinInt32), math.MaxUint32))
	t.Time = unixTime(int64(sec), int64(frac*1e9))
	return nil
}

// unixTime is time.Unix in UTC, with the zero time for 0.
func unixTime(sec, nsec int64) time.Time {
	if sec == 0 && nsec == 0 {
		return time.Time{}
	}
	return time.Unix(sec, nsec).UTC()
}

// Timestamp is a time that engines keep as text. It is not always RFC 3339: it may
// be empty, and cluster volumes have another form. Text that is no time is the zero
// time.
type Timestamp struct{ time.Time }

// UnmarshalText reads a time; it never fails.
func (t *Timestamp) UnmarshalText(text []byte) error {
	var err error
	if t.Time, err = time.Parse(time.RFC3339Nano, string(text)); err == nil {
		return nil
	}
	t.Time, _ = time.Parse("2006-01-02 15:04:05.999999999 -0700 MST", string(text))
	return nil
}

// UnmarshalJSON reads a string or null.
func (t *Timestamp) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	return t.UnmarshalText([]byte(text))
}

// IP is an address in an answer. Engines hand back whatever text a container
// was created with; text that is no address is the zero IP.
type IP struct{ netip.Addr }

// UnmarshalText reads an address; it never fails.
func (ip *IP) UnmarshalText(text []byte) error {
	ip.Addr, _ = netip.ParseAddr(string(text))
	return nil
}

// AddrList is a list of addresses. Decoding leaves out what is no address.
type AddrList []netip.Addr

// UnmarshalJSON reads an array of strings, or null.
func (l *AddrList) UnmarshalJSON(b []byte) error {
	var ips []IP
	if err := json.Unmarshal(b, &ips); err != nil {
		return err
	}
	*l = nil
	for _, ip := range ips {
		if ip.IsValid() {
			*l = append(*l, ip.Addr)
		}
	}
	return nil
}

// Command is a program with its arguments. Nil leaves the image's own in place,
// empty takes it away. In JSON a lone string is a list of one.
type Command []string

// UnmarshalJSON reads an array of strings, a string, or null.
func (c *Command) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(b, []byte(`"`)) {
		*c = Command{""}
		return json.Unmarshal(b, &(*c)[0])
	}
	return json.Unmarshal(b, (*[]string)(c))
}

// Port is a port of a container with its protocol, such as "80/tcp".
type Port string

// Number is the port's number, or 0 if p is a range or malformed.
func (p Port) Number() uint16 {
	number, _, _ := strings.Cut(string(p), "/")
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// Protocol is "tcp", "udp" or "sctp"; "tcp" if p names none.
func (p Port) Protocol() string {
	if _, protocol, _ := strings.Cut(string(p), "/"); protocol != "" {
		return protocol
	}
	return "tcp"
}
