package buildkit

import (
	"context"
	"fmt"
	"os"

	"github.com/cleat-go/docker/errdefs"
)

// maxSecret bounds one secret, as BuildKit's own client does.
const maxSecret = 500 << 10

// FileSecret is what a file holds when the engine asks.
func FileSecret(name string) Secret {
	return func(context.Context) ([]byte, error) {
		info, err := os.Stat(name)
		if err == nil && info.Size() > maxSecret {
			return nil, fmt.Errorf("%s: %w", name, errSecretSize)
		}
		if err != nil {
			return nil, err
		}
		return os.ReadFile(name)
	}
}

// EnvSecret is the value of an environment variable, which has to be set.
func EnvSecret(name string) Secret {
	return func(context.Context) ([]byte, error) {
		value, ok := os.LookupEnv(name)
		if !ok {
			return nil, fmt.Errorf("the environment has no %s: %w", name, errdefs.ErrNotFound)
		}
		return []byte(value), nil
	}
}

var errSecretSize = fmt.Errorf("a secret has at most %d bytes: %w", maxSecret, errdefs.ErrInvalidArgument)

// secrets are served by their ids.
type secrets map[string]Secret

func (s secrets) serve(ctx context.Context, request []byte) (message, error) {
	id, err := textField(request, 1)
	if err != nil {
		return nil, err
	}
	secret := s[id]
	if secret == nil {
		return nil, &Error{Code: codeNotFound, Message: "no secret " + id}
	}
	data, err := secret(ctx)
	if err == nil && len(data) > maxSecret {
		err = errSecretSize
	}
	if err != nil {
		return nil, &sourceError{"the secret " + id, err}
	}
	return message(nil).bytes(1, data), nil
}
