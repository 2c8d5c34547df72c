//go:build !windows

package docker

import (
	"context"
	"errors"
	"fmt"
	"net"
)

func openPipe(context.Context, string) (net.Conn, error) {
	return nil, fmt.Errorf("named pipes are of Windows: %w", errors.ErrUnsupported)
}
