package buildkit

import (
	"context"
	"errors"
	"io"
	"os"
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
	sent := e.Type == local || e.Type == "tar" || e.Type == "oci" || e.Type == "docker"
	switch {
	case e.Type == "":
		return invalid("an export without a type")
	case e.Type == local && e.Dir == "":
		return invalid("the export local needs a directory")
	case sent && e.Type != local && e.Output == nil:
		return invalid("the export %s needs an output", e.Type)
	case !sent && e.Output != nil, e.Type != local && e.Dir != "", e.Type == local && e.Output != nil:
		return invalid("the export %s does not go there", e.Type)
	}
	return nil
}

func hasOutput(exports []Export) bool {
	for _, e := range exports {
		if e.Output != nil || e.Dir != "" {
			return true
		}
	}
	return false
}

// receiveExport takes what the engine sends for one of the exports.
func receiveExport(s *stream, exports []Export) error {
	e, err := asked(s.header.Get("Buildkit-Attachable-Exporter-Id"), exports)
	if err != nil {
		return err
	}
	in := &received{in: frames{r: s.body}}
	if e.Type == local {
		err = unpack(in, e.Dir)
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
	n := 0
	if id != "" {
		n, _ = strconv.Atoi(id)
	} else {
		for n < len(exports)-1 && exports[n].Output == nil && exports[n].Dir == "" {
			n++
		}
	}
	if n < 0 || n >= len(exports) || exports[n].Output == nil && exports[n].Dir == "" {
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

// unpack makes a tar's files in a directory.
func unpack(in io.Reader, dir string) error {
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
