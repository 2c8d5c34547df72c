package buildkit

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/internal/archive"
)

// local is the export of files to a directory. The engine sends it as a tar, which is one
// stream, and it is unpacked here.
const local = "local"

func (e *Export) wireType() string {
	if e.Type == local {
		return "tar"
	}
	return e.Type
}

func (e *Export) check() error {
	sent := e.Type == "tar" || e.Type == "oci" || e.Type == "docker"
	switch {
	case e.Type == "":
		return invalid("an export without a type")
	case (e.Type == local) != (e.Receive != nil):
		return invalid("the export local, and no other, needs a directory")
	case sent != (e.Output != nil):
		return invalid("the export %s with an output, or without the one that it needs", e.Type)
	}
	return nil
}

// sent tells whether the export comes to this side.
func (e *Export) sent() bool { return e.Output != nil || e.Receive != nil }

func hasOutput(exports []Export) bool {
	return slices.ContainsFunc(exports, func(e Export) bool { return e.sent() })
}

// receiveExport takes what the engine sends for one of the exports.
func receiveExport(s *stream, exports []Export) error {
	e, err := asked(s.header.Get("Buildkit-Attachable-Exporter-Id"), exports)
	if err != nil {
		return err
	}
	in := &received{in: frames{r: s.body}}
	if e.Receive != nil {
		err = e.Receive(s.ctx, in)
	} else {
		err = deliver(s.ctx, in, e.Output)
	}
	if in.err != nil && in.err != io.EOF {
		return in.err
	}
	if err != nil {
		return &sourceError{"the export " + e.Type, err}
	}
	return nil
}

// asked finds the export with an id, its index. Engines with a single export name none.
func asked(id string, exports []Export) (*Export, error) {
	n := slices.IndexFunc(exports, func(e Export) bool { return e.sent() })
	if id != "" {
		n, _ = strconv.Atoi(id)
	}
	if n < 0 || n >= len(exports) || !exports[n].sent() {
		return nil, &Error{Code: codeNotFound, Message: "no output for the export " + strconv.Quote(id)}
	}
	return &exports[n], nil
}

// received is what the engine sends, as bytes.
type received struct {
	in   frames
	rest []byte
	err  error
}

func (r *received) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		var m []byte
		if m, r.err = r.in.next(); r.err != nil {
			continue
		}
		f := fields{rest: m}
		for f.next() {
			if f.number == 1 {
				r.rest = f.data
			}
		}
		r.err = f.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// ToDir makes the files of an export in a directory. It is made where it is missing, and
// files that are in it stay unless the build has their names.
func ToDir(dir string) func(context.Context, io.Reader) error {
	return func(_ context.Context, in io.Reader) error {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			return err
		}
		defer root.Close()
		if err := archive.Extract(in, root, &archive.ExtractOptions{SpecialBits: true}); err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, in)
		return err
	}
}

// deliver writes an archive to its output and closes that.
func deliver(ctx context.Context, in io.Reader, open func(context.Context) (io.WriteCloser, error)) error {
	out, err := open(ctx)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err == nil {
		return out.Close()
	}
	if failing, ok := out.(interface{ CloseWithError(error) error }); ok {
		return errors.Join(err, failing.CloseWithError(err))
	}
	out.Close() //nolint:errcheck // it has failed already
	return err
}

// sendUpload sends a context that is a stream. It can be read once.
func sendUpload(s *stream, r io.Reader) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := s.send(message(nil).bytes(1, buf[:n])); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return &sourceError{"the context", errdefs.Truncated(err)}
		}
	}
}
