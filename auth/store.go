package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// writing keeps this process's changes of files apart.
var writing sync.Mutex

// Store keeps credentials with the helper for their registry, or else in the file, which
// is replaced as a whole, readable by its owner alone, and keeps what else it holds.
func (c Config) Store(ctx context.Context, credentials Credentials) error {
	registry := authority(credentials.ServerAddress)
	return c.change(registry, func(h Helper) (json.RawMessage, error) {
		if h != "" {
			return json.RawMessage("{}"), h.Store(ctx, credentials)
		}
		return credentials.entry()
	})
}

// Erase has the helper for a registry and the file forget its credentials.
func (c Config) Erase(ctx context.Context, registry string) error {
	return c.change(authority(registry), func(h Helper) (json.RawMessage, error) {
		if h != "" {
			return nil, h.Erase(ctx, registry)
		}
		return nil, nil
	})
}

// change replaces all entries of a registry among the auths by one that make returns, or
// by none.
func (c Config) change(registry string, make func(Helper) (json.RawMessage, error)) error {
	writing.Lock()
	defer writing.Unlock()
	f, err := c.read()
	if err != nil {
		return err
	}
	helper, err := f.helper(registry)
	if err != nil {
		return err
	}
	auths := map[string]json.RawMessage{}
	if err := f.value("auths", &auths); err != nil {
		return err
	}
	entry, err := make(helper)
	if err != nil {
		return err
	}
	old := keysOf(auths, registry)
	if entry == nil && len(old) == 0 {
		return nil
	}
	for _, key := range old {
		delete(auths, key)
	}
	if entry != nil {
		if auths == nil {
			auths = map[string]json.RawMessage{}
		}
		auths[address(registry)] = entry
	}
	return f.write(auths)
}

// entry is the form of credentials among the auths.
func (c Credentials) entry() (json.RawMessage, error) {
	e := struct {
		Auth          string `json:"auth,omitempty"`
		IdentityToken string `json:"identitytoken,omitempty"`
		RegistryToken string `json:"registrytoken,omitempty"`
	}{IdentityToken: c.IdentityToken, RegistryToken: c.RegistryToken}
	if strings.Contains(c.Username, ":") {
		return nil, errors.New("a user name with a colon cannot be kept in a configuration file")
	}
	if c.Username != "" || c.Password != "" {
		e.Auth = base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))
	}
	return json.Marshal(e)
}

// write replaces the file by one with these auths.
func (f *file) write(auths map[string]json.RawMessage) error {
	if f.nowhere != nil {
		return f.nowhere
	}
	text, err := json.Marshal(auths)
	if err != nil {
		return err
	}
	if f.keys == nil {
		f.keys = make(map[string]json.RawMessage)
	}
	f.keys["auths"] = text
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "\t")
	if err := encoder.Encode(f.keys); err != nil {
		return fmt.Errorf("%s cannot be written anew", f.name)
	}
	return replace(f.name, out.Bytes())
}

// replace writes a file beside the one at path and puts it in its place. A link stays
// one, to the new file.
func replace(path string, text []byte) error {
	path = target(path)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// target follows links, also to a file that is not there yet.
func target(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return cmp.Or(real, path)
	}
	to, err := os.Readlink(path)
	if err != nil {
		return path
	}
	if !filepath.IsAbs(to) {
		to = filepath.Join(filepath.Dir(path), to)
	}
	return to
}
