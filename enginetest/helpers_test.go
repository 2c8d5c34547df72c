package enginetest_test

import "github.com/cleat-go/docker"

func configWithHostname(name string) *docker.ContainerConfig {
	return &docker.ContainerConfig{Hostname: name}
}
