package enginetest

import (
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"time"

	"github.com/cleat-go/docker"
)

var systemRoutes = table{
	"GET /_ping":   plainHandler(ping),
	"HEAD /_ping":  plainHandler(ping),
	"GET /version": plainHandler(version),
	"GET /info":    plainHandler(info),
}

func ping(c *call) error {
	c.header.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	c.header.Set("Pragma", "no-cache")
	if c.apiVersion() >= 42 {
		c.header.Set("Builder-Version", "1")
		c.header.Set("Swarm", c.swarmState())
	}
	if c.r.Method == http.MethodHead {
		return c.text(http.StatusOK, "")
	}
	return c.text(http.StatusOK, "OK")
}

const (
	kernel = "6.12.0"
	commit = "enginetest"
)

func version(c *call) error {
	newest, oldest := "1."+strconv.Itoa(c.apiVersion()), "1."+strconv.Itoa(c.oldest)
	built := c.began.UTC().Format(time.RFC3339)
	v := docker.Version{
		Platform: docker.VersionPlatform{Name: "enginetest"},
		Version:  c.engineVersion(), APIVersion: newest, MinAPIVersion: oldest,
		GitCommit: commit, GoVersion: runtime.Version(), OS: "linux", Arch: "amd64", KernelVersion: kernel, BuildTime: built,
	}
	v.Components = []docker.VersionComponent{{Name: "Engine", Version: v.Version, Details: map[string]string{
		"ApiVersion": newest, "MinAPIVersion": oldest, "GitCommit": commit, "GoVersion": v.GoVersion,
		"Os": v.OS, "Arch": v.Arch, "KernelVersion": kernel, "BuildTime": built, "Experimental": "false",
	}}}
	for _, part := range []string{"containerd", "runc", "docker-init"} {
		v.Components = append(v.Components, docker.VersionComponent{Name: part, Version: "enginetest", Details: map[string]string{"GitCommit": ""}})
	}
	return c.json(http.StatusOK, v)
}

func info(c *call) error {
	i := docker.Info{
		ID: c.id, Name: "enginetest", ServerVersion: c.engineVersion(), Images: len(c.images.byID),
		Driver: "memory", DriverStatus: [][2]string{{"Backing Filesystem", "memory"}}, DockerRootDir: "/var/lib/docker",
		Plugins: docker.PluginsInfo{
			Volume: []string{"local"}, Network: []string{"bridge", "host", "null", "overlay"}, Log: []string{"json-file", "none"},
		},
		SystemTime: docker.Timestamp{Time: time.Now()}, KernelVersion: kernel, OperatingSystem: "enginetest", OSType: "linux",
		Architecture: "x86_64", NCPU: 2, MemTotal: 4 << 30, MemoryLimit: true, SwapLimit: true, PidsLimit: true,
		CPUCfsPeriod: true, CPUCfsQuota: true, CPUShares: true, CPUSet: true, IPv4Forwarding: true,
		LoggingDriver: "json-file", CgroupDriver: "cgroupfs", CgroupVersion: "2", DefaultRuntime: "runc",
		Runtimes: map[string]docker.Runtime{"runc": {Path: "runc"}}, InitBinary: "docker-init", SecurityOptions: []string{},
		GenericResources: []docker.GenericResource{}, IndexServerAddress: "https://index.docker.io/v1/",
		RegistryConfig: docker.RegistryConfig{InsecureRegistryCIDRs: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, IndexConfigs: map[string]docker.IndexInfo{
			"docker.io": {Name: "docker.io", Mirrors: []string{}, Secure: true, Official: true},
		}},
		Swarm: c.swarmInfo(), Warnings: []string{}, Labels: []string{},
	}
	c.countContainers(&i)
	return c.json(http.StatusOK, i)
}
