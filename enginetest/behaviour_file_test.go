package enginetest_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

// entries notes what is in a tar.
func (b *trial) entries(what string, r io.Reader) {
	b.Helper()
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		require.NoError(b, err)
		content, err := io.ReadAll(t)
		require.NoError(b, err)
		b.note("%s: %s %v %d %q %q", what, h.Name, h.FileInfo().Mode(), h.Size, h.Linkname, content)
	}
}

// copied notes what is copied from a container.
func (b *trial) copied(id, path string) {
	b.Helper()
	a, err := b.ContainerCopyFrom(b.ctx, id, path)
	if err != nil {
		b.err("copy "+path, err)
		return
	}
	defer a.Close()
	b.entries("copy "+path, a)
}

// tarOf makes a tar of files and folders, which end with a slash.
func tarOf(b *trial, files ...string) io.Reader {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o640, Size: int64(len(files[i+1])), ModTime: time.Unix(1e9, 0)}
		if files[i][len(files[i])-1] == '/' {
			h.Typeflag, h.Mode = tar.TypeDir, 0o750
		}
		require.NoError(b, w.WriteHeader(h))
		io.WriteString(w, files[i+1])
	}
	require.NoError(b, w.Close())
	return &out
}

const makeFiles = "mkdir -p /d/e; echo one > /d/one; echo two > /d/e/two; ln -s /d/one /d/link; ln -s nowhere /d/lost; chmod 600 /d/one; chmod 755 /d /d/e; chmod 644 /d/e/two"

var fileBehaviours = []behaviour{
	{"copy from", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", makeFiles)
		b.copied(id, "/d/one")
		b.copied(id, "/d/e")
		b.copied(id, "/d/e/.")
		b.copied(id, "/d/link")
		b.copied(id, "/d/nope")
		b.copied(id, "d/one")
	}},
	{"stat a path", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", makeFiles)
		for _, path := range []string{"/d/one", "/d", "/d/", "/d/link", "/d/lost", "/d/nope", "/d/one/x", "/"} {
			s, err := b.ContainerStatPath(b.ctx, id, path)
			if err != nil {
				b.err("stat "+path, err)
				continue
			}
			size := s.Size
			if s.Mode.IsDir() {
				size = 0
			}
			b.note("stat %s: %s %v %d %q", path, s.Name, s.Mode, size, s.LinkTarget)
		}
	}},
	{"copy to", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", makeFiles)
		b.err("copy", b.ContainerCopyTo(b.ctx, id, "/d", tarOf(b, "new", "hello", "sub/", "", "sub/x", "y"), nil))
		b.copied(id, "/d/new")
		b.copied(id, "/d/sub")
		b.err("missing", b.ContainerCopyTo(b.ctx, id, "/nope", tarOf(b, "x", ""), nil))
		b.err("a file", b.ContainerCopyTo(b.ctx, id, "/d/one", tarOf(b, "x", ""), nil))
		b.err("file over folder", b.ContainerCopyTo(b.ctx, id, "/d", tarOf(b, "e", "x"), &docker.ContainerCopyToOptions{NoOverwriteDirNonDir: true}))
		b.events()
	}},
	{"copy to before the start", 0, func(b *trial) {
		id := b.create("a", "cat", "/tmp/x")
		b.err("copy", b.ContainerCopyFS(b.ctx, id, "/tmp", fstest.MapFS{"x": {Data: []byte("before\n"), Mode: 0o644}}))
		b.start(id)
		b.wait(id)
		b.logs(id, nil)
	}},
	{"read and write a file", 0, func(b *trial) {
		id := b.create("a", "true")
		b.err("write", b.ContainerWriteFile(b.ctx, id, "/tmp/f", []byte("content"), 0o600))
		content, err := b.ContainerReadFile(b.ctx, id, "/tmp/f")
		b.err("read", err)
		b.note("%s", content)
		_, err = b.ContainerReadFile(b.ctx, id, "/tmp")
		b.note("%t", err != nil)
	}},
	{"changes", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "mkdir /new; echo x > /new/f; rm /etc/group; echo y >> /etc/passwd")
		changes, err := b.ContainerChanges(b.ctx, id)
		b.err("changes", err)
		for _, kind := range []docker.ChangeKind{docker.ChangeModified, docker.ChangeAdded, docker.ChangeDeleted} {
			for _, change := range changes {
				if change.Kind == kind {
					b.note("%s %s", change.Kind, change.Path)
				}
			}
		}
		none, err := b.ContainerChanges(b.ctx, b.create("b", "true"))
		b.err("none", err)
		b.note("%d", len(none))
	}},
	{"export", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "echo x > /exported; rm /etc/group")
		r, err := b.ContainerExport(b.ctx, id)
		require.NoError(b, err)
		defer r.Close()
		t := tar.NewReader(r)
		for {
			h, err := t.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(b, err)
			switch h.Name {
			case "exported", "etc/group", "etc/passwd":
				b.note("%s %v", h.Name, h.FileInfo().Mode()&fs.ModeType)
			}
		}
		b.events()
	}},
	{"files outlive a run", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "cat /f 2>/dev/null; echo line >> /f")
		for range 3 {
			b.start(id)
			b.wait(id)
		}
		b.logs(id, nil)
	}},
	{"commit", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "echo kept > /kept")
		image, err := b.ImageCommit(b.ctx, id, &docker.ImageCommitOptions{
			Author: "me", Comment: "a test", Changes: []string{`CMD ["cat", "/kept"]`, "ENV A=b", "LABEL x=y"},
		})
		require.NoError(b, err)
		b.show(image, "<image>")
		in, err := b.ImageInspect(b.ctx, image, nil)
		require.NoError(b, err)
		b.note("%s %s %v %v %s", in.Author, in.Comment, in.Config.Cmd, in.Config.Env, in.Config.Labels["x"])
		made, err := b.ContainerCreate(b.ctx, image, &docker.ContainerCreateOptions{
			Config: &docker.ContainerConfig{Labels: map[string]string{markKey: b.mark}}, HostConfig: &docker.HostConfig{NetworkMode: "none"},
		})
		require.NoError(b, err)
		b.start(made.ID)
		b.wait(made.ID)
		b.logs(made.ID, nil)
		require.NoError(b, b.ContainerRemove(b.ctx, made.ID, nil))
		b.events("comment")
		b.ImageRemove(b.ctx, image, nil)
	}},
	{"commit refused", 0, func(b *trial) {
		_, err := b.ImageCommit(b.ctx, "no-such-one", nil)
		b.err("missing", err)
		_, err = b.ImageCommit(b.ctx, b.create("a", "true"), &docker.ImageCommitOptions{Changes: []string{"RUN true"}})
		b.note("change refused: %t", err != nil)
	}},
}
