package archive

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
)

// scanner reads the entries of an archive, and tells its end from that of its reader.
type scanner struct {
	*tar.Reader
	source *source
}

func newScanner(r io.Reader) *scanner {
	s := &source{r: r}
	return &scanner{tar.NewReader(s), s}
}

// next returns the next header, or io.EOF where the archive says that it ends.
func (s *scanner) next() (*tar.Header, error) {
	h, err := s.Next()
	switch {
	case err == io.EOF && s.source.ended:
		return nil, fmt.Errorf("the archive has no end: %w", io.ErrUnexpectedEOF)
	case errors.Is(err, tar.ErrInsecurePath) && h != nil:
		return h, nil // names are checked where they are used
	case err != nil:
		return nil, err
	}
	return h, nil
}

// source notes when there is nothing left to read.
type source struct {
	r     io.Reader
	ended bool
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if n == 0 && err == io.EOF {
		s.ended = true
	}
	return n, err
}

// File returns the content of an archive's first entry, which must be a regular file,
// and its header. A content that is cut is [io.ErrUnexpectedEOF].
func File(r io.Reader) (io.Reader, *tar.Header, error) {
	s := newScanner(r)
	for {
		h, err := s.next()
		if err == io.EOF {
			return nil, nil, errors.New("the archive is empty")
		}
		if err != nil {
			return nil, nil, err
		}
		switch h.Typeflag {
		case tar.TypeXGlobalHeader:
			continue
		case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
			return s, h, nil
		case tar.TypeDir:
			return nil, nil, fmt.Errorf("%q is a directory", clip(h.Name))
		case tar.TypeSymlink, tar.TypeLink:
			return nil, nil, fmt.Errorf("%q is a link to %q", clip(h.Name), clip(h.Linkname))
		default:
			return nil, nil, fmt.Errorf("%q is not a regular file", clip(h.Name))
		}
	}
}
