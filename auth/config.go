package auth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFile bounds a configuration, and what a helper writes.
const maxFile = 1 << 20

// Default is what the docker command uses: DOCKER_AUTH_CONFIG, and what is not there from
// its configuration file. It stores in that file. Both are read at each call.
func Default() Store { return docker{} }

type docker struct{ Config }

func (d docker) Credentials(ctx context.Context, registry string) (Credentials, error) {
	return d.chain().Credentials(ctx, registry)
}

func (d docker) All(ctx context.Context) (map[string]Credentials, error) { return d.chain().All(ctx) }

func (d docker) chain() Chain { return Chain{Environment{}, d.Config} }

// Environment is the source of the variable DOCKER_AUTH_CONFIG: the JSON of a
// configuration file, of which the key auths counts. One that cannot be read is an error,
// not passed over for another source.
type Environment struct{}

// Credentials returns those of exactly this authority.
func (Environment) Credentials(_ context.Context, registry string) (Credentials, error) {
	f, err := fromEnvironment()
	if err != nil {
		return Credentials{}, err
	}
	return f.credentials(registry)
}

// All returns all that the variable has.
func (Environment) All(context.Context) (map[string]Credentials, error) {
	f, err := fromEnvironment()
	if err != nil {
		return nil, err
	}
	return f.all()
}

func fromEnvironment() (*file, error) {
	const variable = "DOCKER_AUTH_CONFIG"
	text := os.Getenv(variable)
	if text == "" {
		return &file{name: variable}, nil
	}
	return parse(variable, []byte(text))
}

// Config is a configuration file of the docker command. Its helpers are asked where it
// names any, for one registry or for all. A file that is missing has nothing, and so has
// a process without a home folder.
//
// What cannot be read fails the calls that need it, and its content is in no error.
type Config struct {
	Path string // empty is config.json in the folder DOCKER_CONFIG, or else in ~/.docker
}

// Credentials returns those of exactly this authority, from the helper for it or else
// from the file itself.
func (c Config) Credentials(ctx context.Context, registry string) (Credentials, error) {
	f, err := c.read()
	if err != nil {
		return Credentials{}, err
	}
	helper, err := f.helper(registry)
	if err != nil {
		return Credentials{}, err
	}
	if helper == "" {
		return f.credentials(registry)
	}
	found, err := helper.Credentials(ctx, registry)
	if err != nil {
		return Credentials{}, fmt.Errorf("%s: %w", f.name, err)
	}
	return found, nil
}

// All returns what the file has, and what its helpers do: the one for all registries
// lists them, the others are asked for theirs.
func (c Config) All(ctx context.Context) (map[string]Credentials, error) {
	f, err := c.read()
	if err != nil {
		return nil, err
	}
	store, helpers, err := f.helpers()
	if err != nil {
		return nil, err
	}
	list := f.all
	if store != "" {
		list = func() (map[string]Credentials, error) { return store.All(ctx) }
	}
	found, failed := list()
	all := make(map[string]Credentials)
	maps.Copy(all, found)
	for registry, helper := range helpers {
		found, err := helper.Credentials(ctx, registry)
		delete(all, registry)
		if found != (Credentials{}) {
			all[registry] = found
		}
		failed = errors.Join(failed, err)
	}
	return all, failed
}

// path is that of the file.
func (c Config) path() (string, error) {
	if c.Path != "" {
		return c.Path, nil
	}
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("neither DOCKER_CONFIG nor a home folder says where the docker command's configuration is: %w", err)
	}
	return filepath.Join(home, ".docker", "config.json"), nil
}

func (c Config) read() (*file, error) {
	path, err := c.path()
	if err != nil {
		return &file{nowhere: err}, nil
	}
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &file{name: path}, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(path, text)
}

// readFile reads a file that does not block and is not endless.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxFile)
	}
	return text, err
}

// file is the JSON of a configuration, whose values are looked into when they are needed.
type file struct {
	name    string // for errors
	keys    map[string]json.RawMessage
	nowhere error // why there is none, and cannot be
}

func parse(name string, text []byte) (*file, error) {
	f := &file{name: name}
	if len(bytes.TrimSpace(text)) == 0 {
		return f, nil
	}
	if json.Unmarshal(text, &f.keys) != nil {
		return nil, fmt.Errorf("%s is no JSON object", name)
	}
	return f, nil
}

// value decodes what stands under a key, if anything does.
func (f *file) value(key string, into any) error {
	if text, ok := f.keys[key]; ok && json.Unmarshal(text, into) != nil {
		return fmt.Errorf("%s: the value of %s has another form than it should", f.name, key)
	}
	return nil
}

// credentials looks among the auths.
func (f *file) credentials(registry string) (Credentials, error) {
	var auths map[string]json.RawMessage
	if err := f.value("auths", &auths); err != nil {
		return Credentials{}, err
	}
	registry = authority(registry)
	for _, key := range keysOf(auths, registry) {
		found, err := entryOf(auths[key])
		if err != nil {
			return Credentials{}, fmt.Errorf("%s: the entry of %q among the auths %w", f.name, registry, err)
		}
		if found != (Credentials{}) {
			found.ServerAddress = address(registry)
			return found, nil
		}
	}
	return Credentials{}, nil
}

// all returns all of the auths that can be read.
func (f *file) all() (map[string]Credentials, error) {
	var auths map[string]json.RawMessage
	failed := f.value("auths", &auths)
	all := make(map[string]Credentials)
	for key := range auths {
		registry := authority(key)
		found, err := f.credentials(registry)
		if found != (Credentials{}) {
			all[registry] = found
		}
		failed = errors.Join(failed, err)
	}
	return all, failed
}

// helper returns the helper for a registry, empty where there is none.
func (f *file) helper(registry string) (Helper, error) {
	store, helpers, err := f.helpers()
	if err != nil {
		return "", err
	}
	if helper, ok := helpers[authority(registry)]; ok {
		return helper, nil
	}
	return store, nil
}

// helpers returns the helper for all registries, and by authority those for one.
func (f *file) helpers() (store Helper, helpers map[string]Helper, err error) {
	var byKey map[string]Helper
	if err := errors.Join(f.value("credsStore", &store), f.value("credHelpers", &byKey)); err != nil {
		return "", nil, err
	}
	helpers = make(map[string]Helper)
	for key, helper := range byKey {
		registry := authority(key)
		if helper != "" && key != "" && keysOf(byKey, registry)[0] == key {
			helpers[registry] = helper
		}
	}
	return store, helpers, nil
}

// keysOf returns the keys of m that mean a registry: its address first, then its
// authority, then whatever else.
func keysOf[V any](m map[string]V, registry string) (keys []string) {
	for key := range m {
		if authority(key) == registry && key != "" {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(ahead(a == address(registry), b == address(registry)), ahead(a == registry, b == registry), strings.Compare(b, a))
	})
	return keys
}

// ahead compares by something that only one of the two may be.
func ahead(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

// address is what files and helpers know a registry by.
func address(registry string) string {
	if registry == hub {
		return hubIndex
	}
	return registry
}

// entryOf decodes one of the auths. Its errors follow upon its name.
func entryOf(text json.RawMessage) (Credentials, error) {
	var e struct{ Username, Password, Auth, IdentityToken, RegistryToken string }
	if json.Unmarshal(text, &e) != nil {
		return Credentials{}, errors.New("has another form than it should")
	}
	c := Credentials{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth == "" {
		return c, nil
	}
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(e.Auth, "="))
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return Credentials{}, errors.New("is not a user and a password in base64")
	}
	c.Username, c.Password = user, strings.Trim(password, "\x00")
	return c, nil
}
