package enginetest_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
)

// step is a command line for the docker command, what it prints and its exit code.
type step struct {
	line string // words with spaces between, '…' around those with spaces
	in   string
	out  string // a regular expression that the standard output matches
	err  string // one that the error output matches; not looked at where it is empty
	code int
}

// cliScripts are run one after the other, each on an engine of its own.
var cliScripts = map[string][]step{"containers": cliContainers, "images": cliImages, "networks and volumes": cliNetworks, "cluster": cliCluster, "plugins": cliPlugins}

var cliContainers = []step{
	{line: "version --format {{.Server.APIVersion}}", out: `^1\.\d\d\n$`},
	{line: "info --format {{.ContainersRunning}}", out: `^0\n$`},
	{line: "ps", out: `^CONTAINER ID .*NAMES\n$`},
	{line: "run --rm busybox echo hello", out: `^hello\n$`},
	{line: "run --rm busybox sh -c 'exit 3'", code: 3},
	{line: "run --rm busybox no-such-program", err: `executable file not found`, code: 127},
	{line: "run --rm -i busybox cat", in: "from stdin\n", out: `^from stdin\n$`},
	{line: "run --rm -e A=1 -w /tmp busybox sh -c 'echo $A; pwd'", out: `^1\n/tmp\n$`},
	{line: "run --rm -t busybox sh -c 'echo out; echo err >&2'", out: `^out\r\nerr\r\n$`},
	{line: "run --rm --entrypoint echo busybox entry", out: `^entry\n$`},
	{line: "run -d --name web --label app=web busybox sh -c 'trap \"exit 0\" TERM; echo started; while true; do sleep 0.02; done'", out: `^[0-9a-f]{64}\n$`},
	{line: "run --name web busybox true", err: `is already in use`, code: 125},
	{line: "run --rm no-such-image true", err: `.`, code: 125},
	{line: "ps --format {{.Names}}:{{.State}}", out: `^web:running\n$`},
	{line: "ps -q --filter label=app=web", out: `^[0-9a-f]{12}\n$`},
	{line: "ps -q --filter label=app=other", out: `^$`},
	{line: "container ls --all --format {{.Status}}", out: `^Up `},
	{line: "inspect web --format {{.State.Status}}", out: `^running\n$`},
	{line: "inspect web --format {{.Config.Image}}", out: `^busybox\n$`},
	{line: "inspect no-such-one", out: `^\[\]\n$`, err: `No such object`, code: 1},
	{line: "exec web echo inside", out: `^inside\n$`},
	{line: "exec -i web cat", in: "input\n", out: `^input\n$`},
	{line: "exec -e B=2 -w /tmp web sh -c 'echo $B; pwd; exit 4'", out: `^2\n/tmp\n$`, code: 4},
	{line: "exec web no-such-program", out: `executable file not found`, code: 127},
	{line: "exec -t web sh -c 'test -t 1 && echo terminal'", out: `^terminal\r\n$`},
	{line: "exec -d web touch /tmp/detached"},
	{line: "exec no-such-one true", err: `No such container`, code: 1},
	{line: "logs web", out: `^started\n$`},
	{line: "logs --tail 1 -t web", out: `^\d{4}-\d\d-\d\dT.*Z started\n$`},
	{line: "logs --since 1h web", out: `^started\n$`},
	{line: "top web", out: `PID.*\n.*sh -c`},
	{line: "stats --no-stream --format {{.Name}} web", out: `^web\n$`},
	{line: "pause web", out: `^web\n$`},
	{line: "ps --format {{.Status}}", out: `\(Paused\)`},
	{line: "exec web true", err: `is paused`, code: 1},
	{line: "unpause web", out: `^web\n$`},
	{line: "rename web site"},
	{line: "update --restart on-failure:3 site", out: `^site\n$`},
	{line: "inspect site --format {{.HostConfig.RestartPolicy.Name}}", out: `^on-failure\n$`},
	{line: "cp {{dir}}/file site:/tmp/copied"},
	{line: "exec site cat /tmp/copied", out: `^content\n$`},
	{line: "cp site:/tmp/copied {{dir}}/back"},
	{line: "cp site:/tmp/nope {{dir}}/nope", err: `Could not find the file`, code: 1},
	{line: "cp site:/tmp/copied -", out: `copied`},
	{line: "diff site", out: `(?m)^A /tmp/copied$`},
	{line: "export -o {{dir}}/site.tar site"},
	{line: "port site", out: `^$`},
	{line: "restart -t 1 site", out: `^site\n$`},
	{line: "kill -s HUP site", out: `^site\n$`},
	{line: "stop site", out: `^site\n$`},
	{line: "wait site", out: `^0\n$`},
	{line: "ps -a --filter status=exited --format {{.Names}}", out: `^site\n$`},
	{line: "run -d --name late busybox sh -c 'sleep 0.7; echo late; exit 6'", out: `^[0-9a-f]{64}\n$`},
	{line: "attach late", out: `^late\n$`, code: 6},
	{line: "start -a late", out: `^late\n$`, code: 6},
	{line: "run -d --name slow busybox sh -c 'echo one; sleep 0.5; echo two'", out: `^[0-9a-f]{64}\n$`},
	{line: "logs -f slow", out: `^one\ntwo\n$`},
	{line: "rm late slow", out: `^late\nslow\n$`},
	{line: "commit -a me -m words site site:kept", out: `^sha256:[0-9a-f]{64}\n$`},
	{line: "images --format {{.Repository}}:{{.Tag}} site", out: `^site:kept\n$`},
	{line: "run --rm site:kept cat /tmp/copied", out: `^content\n$`},
	{line: "create --name made -it busybox sh", out: `^[0-9a-f]{64}\n$`},
	{line: "start made", out: `^made\n$`},
	{line: "exec made sh -c 'kill -9 1; echo alive'", out: `^alive\n$`},
	{line: "rm made", err: `container is running`, code: 1},
	{line: "rm -f made", out: `^made\n$`},
	{line: "run --name first busybox true"},
	{line: "run --name second busybox false", code: 1},
	{line: "inspect second --format {{.State.ExitCode}}", out: `^1\n$`},
	{line: "rm first", out: `^first\n$`},
	{line: "container prune -f", out: `(?s)Deleted Containers:.*Total reclaimed space`},
	{line: "events --since 10m --until 0s --filter event=rename --format {{.Action}}", out: `^rename\n$`},
	{line: "run -d --name quick --restart always busybox true", out: `^[0-9a-f]{64}\n$`},
	{line: "rm -f quick", out: `^quick\n$`},
	{line: "run --rm --health-cmd true --health-interval 1s busybox true"},
	{line: "system info --format {{.ServerVersion}}", out: `^\d+\.`},
}

var cliImages = []step{
	{line: "images --format {{.Repository}}:{{.Tag}}", out: `^busybox:latest\n$`},
	{line: "pull team.example/app:1", out: `(?s)Pulling from app.*Digest: sha256:.*Status: Downloaded newer image for team.example/app:1`},
	{line: "pull team.example/app:1", out: `Image is up to date`},
	{line: "pull team.example/nope", err: `manifest unknown`, code: 1},
	{line: "pull nobody.example/app", err: `connection refused`, code: 1},
	{line: "pull hello", out: `Downloaded newer image for hello:latest`},
	{line: "run --rm hello", out: `^hello from an image\n$`},
	{line: "run --rm team.example/other", out: `^hello from an image\n$`, err: `Unable to find image`},
	{line: "tag hello team.example/mine:2"},
	{line: "push team.example/mine:2", out: `2: digest: sha256:`},
	{line: "push team.example/none", err: `does not exist locally`, code: 1},
	{line: "rmi team.example/mine:2", out: `Untagged: team.example/mine:2`},
	{line: "pull -q team.example/mine:2", out: `^team.example/mine:2\n$`},
	{line: "login -u me -p wrong locked.example", err: `unauthorized`, code: 1},
	{line: "tag hello locked.example/x"},
	{line: "push locked.example/x", err: `no basic auth credentials`, code: 1},
	{line: "login -u me -p secret locked.example", out: `Login Succeeded`},
	{line: "push locked.example/x", out: `latest: digest: sha256:`},
	{line: "image inspect hello --format {{.Os}}", out: `^linux\n$`},
	{line: "history hello --format {{.CreatedBy}}", out: `enginetest`},
	{line: "save -o {{dir}}/hello.tar hello"},
	{line: "rmi -f hello", out: `Untagged: hello:latest`},
	{line: "load -i {{dir}}/hello.tar", out: `Loaded image: hello:latest`},
	{line: "run --rm hello", out: `^hello from an image\n$`},
	{line: "import {{dir}}/hello.tar imported:1", out: `^sha256:`},
	{line: "images -q imported", out: `^[0-9a-f]{12}\n$`},
	{line: "search hello --format {{.Name}}", out: `^hello\n$`},
	{line: "build -t built:1 --build-arg WHO=world {{dir}}", out: `(?s)Step 1/7 : FROM busybox.*in the build.*Successfully built [0-9a-f]{12}\nSuccessfully tagged built:1`},
	{line: "run --rm built:1", out: `^hello world\ncontent\n$`},
	{line: "inspect built:1 --format {{.Config.Labels.a}}", out: `^b\n$`},
	{line: "build -f {{dir}}/Failing {{dir}}", out: `Step 2/2`, err: `returned a non-zero code: 9`, code: 9},
	{line: "builder prune -f", out: `Total`},
	{line: "rmi no-such-image", err: `No such image`, code: 1},
	{line: "image prune -f", out: `Total reclaimed space`},
}

var cliNetworks = []step{
	{line: "network ls --format {{.Name}}", out: `(?s)bridge\n.*host\n.*none\n`},
	{line: "network create --subnet 10.9.0.0/24 --label a=b net", out: `^[0-9a-f]{64}\n$`},
	{line: "network create net", err: `already exists`, code: 1},
	{line: "network inspect net --format '{{(index .IPAM.Config 0).Subnet}}'", out: `^10.9.0.0/24\n$`},
	{line: "run -d --name web --network net -p 8080:80 busybox sleep 100", out: `^[0-9a-f]{64}\n$`},
	{line: "inspect web --format '{{.NetworkSettings.Networks.net.IPAddress}}'", out: `^10.9.0.\d+\n$`},
	{line: "port web", out: `^80/tcp -> 0.0.0.0:8080\n$`},
	{line: "ps --format {{.Ports}}", out: `^0.0.0.0:8080->80/tcp\n$`},
	{line: "run --rm -p 8080:80 busybox true", err: `port is already allocated`, code: 125},
	{line: "network connect --alias friend bridge web"},
	{line: "network disconnect bridge web"},
	{line: "network rm net", err: `has active endpoints`, code: 1},
	{line: "network rm bridge", err: `pre-defined`, code: 1},
	{line: "rm -f web", out: `^web\n$`},
	{line: "network prune -f", out: `net`},
	{line: "volume create --label a=b data", out: `^data\n$`},
	{line: "run --rm -v data:/data busybox sh -c 'echo kept > /data/file'"},
	{line: "run --rm -v data:/data:ro busybox cat /data/file", out: `^kept\n$`},
	{line: "volume ls -q", out: `^data\n$`},
	{line: "volume inspect data --format {{.Driver}}", out: `^local\n$`},
	{line: "run -d --name user --mount type=volume,source=data,target=/d busybox sleep 100", out: `^[0-9a-f]{64}\n$`},
	{line: "volume rm data", err: `volume is in use`, code: 1},
	{line: "run --rm --volumes-from user busybox cat /d/file", out: `^kept\n$`},
	{line: "rm -f user", out: `^user\n$`},
	{line: "volume rm data", out: `^data\n$`},
	{line: "volume prune -f -a", out: `Total reclaimed space`},
	{line: "system df --format {{.Type}}", out: `^Images\nContainers\nLocal Volumes\nBuild Cache\n$`},
	{line: "system df -v", out: `busybox`},
	{line: "service ls", err: `not a swarm manager`, code: 1},
}

var cliPlugins = []step{
	{line: "plugin ls", out: `^ID .*ENABLED\n$`},
	{line: "plugin install team.example/disks:1", in: "n\n", out: `(?s)is requesting the following privileges.*capabilities: \[CAP_SYS_ADMIN\]`, err: `permission denied`, code: 1},
	{line: "plugin install --grant-all-permissions team.example/disks:1 LEVEL=2", out: `(?s)Digest: sha256:.*Installed plugin team.example/disks:1`},
	{line: "plugin install --grant-all-permissions team.example/disks:1", err: `already exists`, code: 1},
	{line: "plugin install --grant-all-permissions team.example/none", err: `not found`, code: 1},
	{line: "plugin install --grant-all-permissions --alias half team.example/disks:1 NOPE=2", err: `not found in the plugin configuration`, code: 1},
	{line: "plugin rm half", out: `^half\n$`},
	{line: "plugin install --grant-all-permissions --alias other --disable team.example/disks:1", out: `Installed plugin`},
	{line: "plugin ls --no-trunc --format '{{.Name}} {{.Enabled}} {{.PluginReference}}'", out: `(?m)^other:latest false team.example/disks:1$`},
	{line: "plugin ls -f enabled=true --format {{.Name}}", out: `^team.example/disks:1\n$`},
	{line: "plugin ls -f capability=networkdriver --format {{.Name}}", out: `^$`},
	{line: "plugin inspect team.example/disks:1 --format '{{.Settings.Env}} {{.Enabled}}'", out: `^\[LEVEL=2\] true\n$`},
	{line: "plugin inspect none", err: `not found`, code: 1},
	{line: "plugin set other LEVEL=3"},
	{line: "plugin set team.example/disks:1 LEVEL=3", err: `cannot set on an active plugin`, code: 1},
	{line: "plugin enable other", out: `^other\n$`},
	{line: "plugin enable other", err: `is enabled`, code: 1},
	{line: "volume create -d other data", out: `^data\n$`},
	{line: "plugin disable other", err: `is in use`, code: 1},
	{line: "volume rm data", out: `^data\n$`},
	{line: "plugin upgrade --grant-all-permissions other team.example/disks:2", err: `must be disabled`, code: 1},
	{line: "plugin disable other", out: `^other\n$`},
	{line: "plugin disable other", err: `is already disabled`, code: 1},
	{line: "plugin upgrade --grant-all-permissions --skip-remote-check other team.example/disks:2", out: `Upgraded plugin other:latest to team.example/disks:2`},
	{line: "plugin inspect other --format '{{.PluginReference}} {{.Settings.Env}}'", out: `^team.example/disks:2 \[LEVEL=3\]\n$`},
	{line: "plugin rm team.example/disks:1", err: `is enabled`, code: 1},
	{line: "plugin rm -f team.example/disks:1 other", out: `^team.example/disks:1\nother\n$`},
	{line: "plugin create locked.example/made {{dir}}/plugin", out: `^locked.example/made\n$`},
	{line: "plugin create locked.example/made {{dir}}/plugin", err: `already exists`, code: 1},
	{line: "plugin push locked.example/made", err: `no basic auth credentials`, code: 1},
	{line: "login -u me -p secret locked.example", out: `Login Succeeded`},
	{line: "plugin push locked.example/made", out: `(?s)The push refers to repository \[locked.example/made\].*Upload complete`},
	{line: "plugin rm locked.example/made", out: `^locked.example/made\n$`},
	{line: "plugin install --grant-all-permissions --disable locked.example/made", out: `Installed plugin locked.example/made`},
	{line: "plugin inspect locked.example/made --format {{.Config.Description}}", out: `^of a test\n$`},
	{line: "events --since 10m --until 0s --filter type=plugin --filter event=pull --format {{.Action}}", out: `^(pull\n)+$`},
}

// disks is a plugin that a registry has.
var disks = enginetest.Plugin{Config: docker.PluginConfig{
	Description: "disks", Interface: docker.PluginInterface{Types: []string{"docker.volumedriver/1.0"}, Socket: "disks.sock"},
	Linux: docker.PluginLinux{Capabilities: []string{"CAP_SYS_ADMIN"}},
	Env:   []docker.PluginEnv{{Name: "LEVEL", Settable: []string{"value"}, Value: "1"}},
}}

const dockerfile = `FROM busybox AS base
ARG WHO=nobody
LABEL a=b
WORKDIR /app
COPY file /app/
RUN echo in the build && \
	echo "hello $WHO" > greeting
CMD ["sh", "-c", "cat greeting file"]
`

// hello is an image that a registry has.
var hello = enginetest.Image{Run: func(_ context.Context, p *enginetest.Process) int {
	fmt.Fprintln(p.Stdout, "hello from an image")
	return 0
}, Config: docker.ImageConfig{Cmd: docker.Command{"/hello"}}}

func TestCommandLine(t *testing.T) {
	program, err := exec.LookPath("docker")
	if err != nil {
		t.Skip("there is no docker command")
	}
	for name, steps := range cliScripts {
		t.Run(name, func(t *testing.T) {
			s := enginetest.NewServer(t, enginetest.WithUnix(""), enginetest.WithImage("busybox", enginetest.Busybox()),
				enginetest.WithRegistry("docker.io", enginetest.Registry{Images: map[string]enginetest.Image{"hello": hello}}),
				enginetest.WithRegistry("team.example", enginetest.Registry{
					Images: map[string]enginetest.Image{"app:1": hello, "other": hello}, Plugins: map[string]enginetest.Plugin{"disks:1": disks, "disks:2": disks},
				}),
				enginetest.WithRegistry("locked.example", enginetest.Registry{Username: "me", Password: "secret"}))
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), []byte("content\n"), 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644))
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "plugin", "rootfs"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "plugin", "config.json"), []byte(pluginConfig), 0o644))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "Failing"), []byte("FROM busybox\nRUN exit 9\n"), 0o644))
			for _, st := range steps {
				st.run(t, program, s, dir)
			}
			t.Logf("%d commands", len(steps))
		})
	}
}

// run runs a step.
func (st *step) run(t *testing.T, program string, s *enginetest.Server, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, words(strings.ReplaceAll(st.line, "{{dir}}", dir))...)
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+s.Host(), "DOCKER_CONFIG="+dir, "DOCKER_BUILDKIT=0", "DOCKER_TLS_VERIFY=", "DOCKER_CONTEXT=")
	cmd.Stdin, cmd.Dir = strings.NewReader(st.in), dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	require.NoError(t, ctx.Err(), "docker %s", st.line)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code, err = exit.ExitCode(), nil
	}
	require.NoError(t, err)
	told := "docker " + st.line + "\n" + out.String() + errs.String()
	require.Equal(t, st.code, code, told)
	require.Regexp(t, regexp.MustCompile(st.out), out.String(), told)
	if st.err != "" {
		require.Regexp(t, regexp.MustCompile(st.err), errs.String(), told)
	}
}

// An interactive shell needs a terminal, which the program script makes.
func TestCommandLineInteractive(t *testing.T) {
	for _, program := range []string{"docker", "script"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("there is no %s command", program)
		}
	}
	s := enginetest.NewServer(t, enginetest.WithUnix(""), enginetest.WithImage("busybox", enginetest.Busybox()))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "script", "-qfec", "docker run -it --rm busybox sh", "/dev/null")
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+s.Host(), "DOCKER_CONFIG="+t.TempDir(), "DOCKER_CONTEXT=")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	lines.Split(bufio.ScanWords)
	for _, exchange := range [][2]string{{"#", "echo $((40+2))\n"}, {"42", "test -t 0; cd /tmp; pwd\n"}, {"/tmp", "exit 7\n"}} {
		found := false
		for !found && lines.Scan() {
			found = lines.Text() == exchange[0]
		}
		require.True(t, found, "no %q", exchange[0])
		_, err := io.WriteString(in, exchange[1])
		require.NoError(t, err)
	}
	for lines.Scan() {
	}
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, 7, exit.ExitCode())
}

// words takes a line apart; within quotation marks spaces stay.
func words(line string) []string {
	var all []string
	var word strings.Builder
	quote := false
	for _, r := range line + " " {
		switch {
		case r == '\'':
			quote = !quote
		case r == ' ' && !quote:
			if word.Len() > 0 {
				all = append(all, word.String())
			}
			word.Reset()
		default:
			word.WriteRune(r)
		}
	}
	return slices.Clip(all)
}

var cliCluster = []step{
	{line: "node ls", err: `not a swarm manager`, code: 1},
	{line: "swarm init --advertise-addr 10.1.2.3", out: `(?s)Swarm initialized: current node \([0-9a-z]{25}\) is now a manager.*docker swarm join --token SWMTKN-1-.* 10.1.2.3:2377`},
	{line: "swarm init", err: `already part of a swarm`, code: 1},
	{line: "info --format {{.Swarm.LocalNodeState}}", out: `^active\n$`},
	{line: "swarm join-token -q worker", out: `^SWMTKN-1-`},
	{line: "node ls --format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}'", out: `^enginetest Ready Leader\n$`},
	{line: "node update --label-add zone=a enginetest", out: `^enginetest\n$`},
	{line: "node inspect self --format {{.Spec.Labels.zone}}", out: `^a\n$`},
	{line: "secret create hidden -", in: "hush", out: `^[0-9a-z]{25}\n$`},
	{line: "secret create hidden -", in: "hush", err: `already exists`, code: 1},
	{line: "config create shown {{dir}}/file", out: `^[0-9a-z]{25}\n$`},
	{line: "secret ls --format {{.Name}}", out: `^hidden\n$`},
	{line: "config ls --format {{.Name}}", out: `^shown\n$`},
	{line: "service create -d --name web --replicas 2 --secret hidden --config shown --stop-grace-period 0s busybox sh -c 'cat /run/secrets/hidden /shown; sleep 100'", out: `^[0-9a-z]{25}\n$`},
	{line: "service ls --format '{{.Name}} {{.Mode}} {{.Replicas}}'", out: `^web replicated 2/2\n$`},
	{line: "service ps web --format '{{.Name}} {{.Node}} {{.DesiredState}}'", out: `^web.1 enginetest Running\nweb.2 enginetest Running\n$`},
	{line: "service logs --raw web", out: `^hushcontent\nhushcontent\n$`},
	{line: "service scale -d web=3", out: `web scaled to 3`},
	{line: "service ls --format {{.Replicas}}", out: `^3/3\n$`},
	{line: "service update -d --args 'sleep 200' --update-monitor 1ms --update-parallelism 0 web", out: `^web\n$`},
	{line: "service inspect web --format '{{.Spec.TaskTemplate.ContainerSpec.Args}}'", out: `^\[sleep 200\]\n$`},
	{line: "node ps --format {{.Name}}", out: `web.1`},
	{line: "secret rm hidden", err: `is in use by the following service: web`, code: 1},
	{line: "service rm web", out: `^web\n$`},
	{line: "service rm web", err: `service web not found`, code: 1},
	{line: "secret rm hidden", out: `^hidden\n$`},
	{line: "config rm shown", out: `^shown\n$`},
	{line: "swarm leave", err: `participating as a manager`, code: 1},
	{line: "swarm leave -f", out: `Node left the swarm`},
}
