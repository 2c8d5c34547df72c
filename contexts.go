package docker

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Context is a context of the docker command: a name for a way to an engine.
type Context struct {
	Name          string
	Description   string
	Host          string // of the engine
	TLSDir        string // the folder of ca.pem, cert.pem and key.pem; empty where it has none of them
	SkipTLSVerify bool   // speak TLS and do not verify the engine
	Current       bool   // it is what New uses without options
	Err           error  // why it cannot be used; its other fields say what is known
}

// defaultContext is the name of the one that is not kept: the host of the environment, or
// the platform's own.
const defaultContext = "default"

// ContextList returns the contexts of the docker command: the default one, and those that
// are kept in the folder DOCKER_CONFIG, or in ~/.docker, by their names. One that cannot be
// used has an Err.
func ContextList() ([]Context, error) {
	list := []Context{{Name: defaultContext, Host: cmp.Or(environmentHost(), standardHost()), Description: "the host of the environment, or the platform's own"}}
	if dir, err := configDir(); err == nil { // else no home, no configuration
		kept, err := keptContexts(dir)
		if err != nil {
			return nil, err
		}
		list = append(list, kept...)
	}
	slices.SortFunc(list[1:], func(a, b Context) int { return strings.Compare(a.Name, b.Name) })
	current, _, err := currentContext()
	if current == "" || environmentHost() != "" {
		current = defaultContext
	}
	for i := range list {
		list[i].Current = list[i].Name == current
	}
	return list, err
}

// keptContexts reads all contexts of a folder.
func keptContexts(dir string) (list []Context, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, "contexts", "meta"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if c := readContext(dir, entry.Name()); c.Name != "" || c.Err != nil {
			list = append(list, *c)
		}
	}
	return list, nil
}

// ContextInspect returns one context by its name. One that is not there is
// errdefs.ErrInvalidArgument.
func ContextInspect(name string) (*Context, error) {
	if name != defaultContext {
		return contextNamed(name)
	}
	list, err := ContextList()
	if err != nil {
		return nil, err
	}
	return &list[0], nil
}

// currentContext is the name of the context that the environment or the configuration
// asks for, empty where neither does, and which of them it was.
func currentContext() (name string, source ResolutionSource, err error) {
	if name := os.Getenv("DOCKER_CONTEXT"); name != "" {
		return name, SourceEnvironmentContext, nil
	}
	dir, err := configDir()
	if err != nil {
		return "", "", nil // no home, no configuration
	}
	path := filepath.Join(dir, "config.json")
	text, err := readSmall(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(text)) == "" {
		return "", "", nil
	}
	var config struct {
		CurrentContext string `json:"currentContext"`
	}
	if err != nil || json.Unmarshal(text, &config) != nil {
		what := "it is no JSON with a currentContext"
		if err != nil {
			what = err.Error()
		}
		return "", "", invalid("the docker command's configuration %s does not tell the current context: %s (repair it, or set DOCKER_HOST or WithHost)", path, what)
	}
	return config.CurrentContext, SourceCurrentContext, nil
}

// configDir is the folder of the docker command's configuration.
func configDir() (string, error) {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".docker"), err
}

// contextNamed reads a context that is kept.
func contextNamed(name string) (*Context, error) {
	dir, err := configDir()
	if err != nil {
		return nil, invalid("the context %q cannot be looked up: %v (set DOCKER_CONFIG)", name, err)
	}
	sum := sha256.Sum256([]byte(name))
	c := readContext(dir, hex.EncodeToString(sum[:]))
	if errors.Is(c.Err, fs.ErrNotExist) {
		c.Err = invalid("there is no context %q in %s (docker context ls lists them)", name, filepath.Join(dir, "contexts"))
	}
	if c.Err != nil {
		return nil, c.Err
	}
	return c, nil
}

// readContext reads the context whose name has this hash.
func readContext(dir, hash string) *Context {
	path := filepath.Join(dir, "contexts", "meta", hash, "meta.json")
	text, err := readSmall(path)
	if err != nil {
		return &Context{Err: err}
	}
	var meta struct {
		Name      string
		Metadata  struct{ Description json.RawMessage }
		Endpoints map[string]struct {
			Host          string
			SkipTLSVerify bool
		}
	}
	if json.Unmarshal(text, &meta) != nil {
		return &Context{Err: invalid("the context of %s cannot be read: it has another form than it should (make it anew with docker context create)", path)}
	}
	endpoint := meta.Endpoints["docker"]
	c := &Context{Name: meta.Name, Host: endpoint.Host, SkipTLSVerify: endpoint.SkipTLSVerify}
	json.Unmarshal(meta.Metadata.Description, &c.Description) //nolint:errcheck // one that is no text is none
	if sum := sha256.Sum256([]byte(c.Name)); hex.EncodeToString(sum[:]) != hash {
		c.Err = invalid("the context of %s calls itself %q, which is another one (make it anew with docker context create)", path, c.Name)
	} else if c.Host == "" {
		c.Err = invalid("the context %q has no docker host (docker context update --docker host=… gives it one)", c.Name)
	}
	c.TLSDir = filepath.Join(dir, "contexts", "tls", hash, "docker")
	if entries, err := os.ReadDir(c.TLSDir); err != nil || len(entries) == 0 {
		c.TLSDir = ""
	}
	return c
}

// maxSmall bounds the files of the docker command's configuration.
const maxSmall = 1 << 20

// readSmall reads a file that does not block and is not endless.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, invalid("%s is no file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(text) > maxSmall {
		err = invalid("%s is larger than %d bytes", path, maxSmall)
	}
	return text, err
}
