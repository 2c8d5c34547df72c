package buildkit

import (
	"bytes"
	"io/fs"
	"syscall"
)

// deviceOf returns the numbers of a device.
func deviceOf(info fs.FileInfo) (major, minor uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	dev := uint64(st.Rdev)
	return dev>>8&0xfff | dev>>32&^0xfff, dev&0xff | dev>>12&^0xff
}

// xattrsOf returns the extended attributes of a file, of which a file system need not
// have any.
func xattrsOf(file string) map[string]string {
	var fixed [512]byte
	names := fixed[:]
	n, err := syscall.Listxattr(file, names)
	if err == syscall.ERANGE {
		names = make([]byte, maxXattr)
		n, err = syscall.Listxattr(file, names)
	}
	if err != nil || n == 0 {
		return nil
	}
	attrs := make(map[string]string)
	value := make([]byte, maxXattr)
	for name := range bytes.SplitSeq(names[:n], []byte{0}) {
		if len(name) == 0 || string(name) == "security.selinux" {
			continue // a label is the machine's own
		}
		if n, err := syscall.Getxattr(file, string(name), value); err == nil {
			attrs[string(name)] = string(value[:n])
		}
	}
	return attrs
}

const maxXattr = 64 << 10 // Linux' own limit
