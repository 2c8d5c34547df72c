//go:build unix

package buildkit

import (
	"io/fs"
	"syscall"
)

// inode tells files apart.
type inode struct{ dev, ino uint64 }

// inodeOf returns the inode of a local file and whether it has several names.
func inodeOf(info fs.FileInfo) (id inode, several bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}, false
	}
	return inode{uint64(st.Dev), uint64(st.Ino)}, st.Nlink > 1
}
