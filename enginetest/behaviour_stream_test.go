package enginetest_test

import (
	"bytes"
	"io"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
)

// exec notes the output and the exit code of a command in a container.
func (b *trial) exec(id string, change func(*docker.ExecCmd), args ...string) {
	b.Helper()
	cmd := b.ContainerExec(b.ctx, id, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if change != nil {
		change(cmd)
	}
	err := cmd.Run()
	b.note("exec %v: out %q err %q", args, strings.ReplaceAll(out.String(), ": unknown", ""), errs.String())
	if err != nil {
		b.note("exec %v: %v", args, err)
	}
}

// attached opens the streams of a container.
func (b *trial) attached(id string, opts *docker.ContainerAttachOptions) *docker.AttachStream {
	b.Helper()
	stream, err := b.ContainerAttach(b.ctx, id, opts)
	require.NoError(b, err)
	return stream
}

func withInput(o *docker.ContainerCreateOptions) { o.Config.OpenStdin, o.Config.StdinOnce = true, true }

func withTerminal(o *docker.ContainerCreateOptions) { o.Config.OpenStdin, o.Config.TTY = true, true }

var streamBehaviours = []behaviour{
	{"logs", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "echo one; echo two; printf rest")
		b.logs(id, nil)
		b.logs(id, &docker.ContainerLogsOptions{Stdout: true})
		b.logs(id, &docker.ContainerLogsOptions{Stderr: true})
		b.logs(id, &docker.ContainerLogsOptions{Tail: 1})
		b.logs(id, &docker.ContainerLogsOptions{Tail: 2})
		b.logs(id, &docker.ContainerLogsOptions{Tail: -1})
		b.logs(id, &docker.ContainerLogsOptions{Follow: true})
		b.logs(id, &docker.ContainerLogsOptions{Until: b.began})
		b.logs(id, &docker.ContainerLogsOptions{Since: b.began})
		b.logs(id, &docker.ContainerLogsOptions{Since: b.now().Add(time.Second)})
	}},
	{"logs of both outputs", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "echo out; sleep 0.2; echo err >&2; sleep 0.2; echo out2")
		b.logs(id, nil)
		b.logs(id, &docker.ContainerLogsOptions{Stdout: true, Tail: 2})
		b.logs(id, &docker.ContainerLogsOptions{Stderr: true, Tail: 1})
	}},
	{"logs with a terminal", 0, func(b *trial) {
		id := b.createWith("a", withTerminal, "sh", "-c", "echo out; echo err >&2")
		b.start(id)
		b.wait(id)
		b.logs(id, nil)
	}},
	{"logs of one that never ran", 0, func(b *trial) {
		id := b.create("a", "true")
		b.logs(id, nil)
		b.logs(id, &docker.ContainerLogsOptions{Follow: true})
	}},
	{"logs that are not kept", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) { o.HostConfig.LogConfig.Type = "none" }, "true")
		b.start(id)
		b.wait(id)
		b.logs(id, nil)
	}},
	{"logs that are followed", 0, func(b *trial) {
		id := b.running("a", "sh", "-c", "echo one; sleep 0.3; echo two; sleep 0.3; echo three")
		b.logs(id, &docker.ContainerLogsOptions{Follow: true})
	}},
	{"logs of a long line", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "x=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11; do x=$x$x; done; printf $x; echo end")
		logs, err := b.ContainerLogs(b.ctx, id, nil)
		require.NoError(b, err)
		for frame, err := range logs.Frames() {
			require.NoError(b, err)
			b.note("%d %d", frame.Stream, len(frame.Data))
		}
	}},
	{"times of logs", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "echo one; echo two")
		logs, err := b.ContainerLogs(b.ctx, id, &docker.ContainerLogsOptions{Timestamps: true})
		require.NoError(b, err)
		for line, err := range logs.Lines() {
			require.NoError(b, err)
			b.note("%s %t", line.Text, !line.Time.Before(b.began))
		}
	}},
	{"attach before the start", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "echo out; echo err >&2")
		stream := b.attached(id, nil)
		b.start(id)
		b.output("attach", stream.Copy)
	}},
	{"attach to one stream", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "echo out; echo err >&2")
		stream := b.attached(id, &docker.ContainerAttachOptions{Stderr: true})
		b.start(id)
		b.output("attach", stream.Copy)
	}},
	{"attach with input", 0, func(b *trial) {
		id := b.createWith("a", withInput, "sh", "-c", "cat; echo over")
		stream := b.attached(id, &docker.ContainerAttachOptions{Stdin: true, Stdout: true})
		b.start(id)
		io.WriteString(stream, "hello\n")
		require.NoError(b, stream.CloseWrite())
		b.output("attach", stream.Copy)
		b.note("code %d", b.wait(id))
	}},
	{"attach without input", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "cat; echo over")
		stream := b.attached(id, &docker.ContainerAttachOptions{Stdin: true, Stdout: true})
		b.start(id)
		io.WriteString(stream, "hello\n")
		b.output("attach", stream.Copy)
	}},
	{"attach to what was written", 0, func(b *trial) {
		id := b.ended("a", "sh", "-c", "echo out")
		b.output("attach", b.attached(id, &docker.ContainerAttachOptions{Logs: true, NoStream: true}).Copy)
	}},
	{"attach with a terminal", 0, func(b *trial) {
		id := b.createWith("a", withTerminal, "sh", "-c", "read x; echo got $x")
		stream := b.attached(id, &docker.ContainerAttachOptions{Stdin: true, Stdout: true})
		b.start(id)
		time.Sleep(200 * time.Millisecond)
		io.WriteString(stream, "hello\r")
		b.output("attach", stream.Copy)
		b.note("%t", stream.TTY())
	}},
	{"detach keys", 0, func(b *trial) {
		id := b.createWith("a", withTerminal, "sleep", "100")
		stream := b.attached(id, &docker.ContainerAttachOptions{Stdin: true, Stdout: true, DetachKeys: "ctrl-a"})
		b.start(id)
		time.Sleep(200 * time.Millisecond)
		stream.Write([]byte{1})
		b.output("attach", stream.Copy)
		b.state(id)
		b.events()
	}},
	{"bad detach keys", 0, func(b *trial) {
		_, err := b.ContainerAttach(b.ctx, b.create("a", "true"), &docker.ContainerAttachOptions{DetachKeys: "ctrl-1"})
		b.err("attach", err)
	}},
	{"a kill ends an attachment", 0, func(b *trial) {
		id := b.create("a", "sh", "-c", "echo out; sleep 100")
		stream := b.attached(id, nil)
		b.start(id)
		b.awaitLog(id, "out")
		require.NoError(b, b.ContainerKill(b.ctx, id, nil))
		b.output("attach", stream.Copy)
	}},
	{"exec", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		b.exec(id, nil, "sh", "-c", "echo out; echo err >&2; exit 7")
		b.exec(id, nil, "no-such-program")
		b.exec(id, func(c *docker.ExecCmd) { c.Stdin = strings.NewReader("hello\n") }, "cat")
		b.exec(id, func(c *docker.ExecCmd) { c.Env, c.Dir = []string{"A=1"}, "/tmp" }, "sh", "-c", "echo $A; pwd")
		b.exec(id, func(c *docker.ExecCmd) { c.TTY = true }, "sh", "-c", "echo out; echo err >&2")
		b.events("exitCode")
	}},
	{"exec without output", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		exec, err := b.ExecCreate(b.ctx, id, []string{"sh", "-c", "exit 5"}, nil)
		require.NoError(b, err)
		b.show(exec, "<exec>")
		x, err := b.ExecInspect(b.ctx, exec)
		b.err("inspect", err)
		b.note("%t %t %s %v", x.Running, x.ExitCode == nil, x.ProcessConfig.Entrypoint, x.ProcessConfig.Arguments)
		b.err("start", b.ExecStartDetached(b.ctx, exec))
		b.until("it has ended", func() bool {
			x, err = b.ExecInspect(b.ctx, exec)
			require.NoError(b, err)
			return !x.Running && x.ExitCode != nil
		})
		b.note("code %d", *x.ExitCode)
		b.err("again", b.ExecStartDetached(b.ctx, exec))
	}},
	{"exec that cannot be started", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		exec, err := b.ExecCreate(b.ctx, id, []string{"no-such-program"}, nil)
		require.NoError(b, err)
		b.err("start", b.ExecStartDetached(b.ctx, exec))
		x, err := b.ExecInspect(b.ctx, exec)
		require.NoError(b, err)
		b.note("code %d", *x.ExitCode)
	}},
	{"execs of one that has ended", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		exec, err := b.ExecCreate(b.ctx, id, []string{"true"}, nil)
		require.NoError(b, err)
		b.show(exec, "<exec>")
		require.NoError(b, b.ContainerKill(b.ctx, id, nil))
		b.wait(id)
		b.until("the exec is forgotten", func() bool {
			_, err := b.ExecInspect(b.ctx, exec)
			return err != nil
		})
		_, err = b.ExecInspect(b.ctx, exec)
		b.err("inspect", err)
	}},
	{"the environment of a process", 0, func(b *trial) {
		id := b.createWith("a", func(o *docker.ContainerCreateOptions) {
			o.Config.Env, o.Config.Hostname, o.Config.WorkingDir = []string{"A=1"}, "host", "/srv/deep"
		}, "sh", "-c", "echo $A $HOSTNAME $HOME $PATH; hostname; pwd; ls -d /srv/deep")
		b.start(id)
		b.wait(id)
		b.logs(id, nil)
	}},
	{"a size of a terminal", 0, func(b *trial) {
		id := b.createWith("a", withTerminal, "sh", "-c", "read x; stty size")
		stream := b.attached(id, &docker.ContainerAttachOptions{Stdin: true, Stdout: true})
		b.start(id)
		b.err("resize", b.ContainerResize(b.ctx, id, docker.TTYSize{Height: 33, Width: 77}))
		io.WriteString(stream, "\r")
		b.output("attach", stream.Copy)
		b.events("height", "width")
	}},
	{"top", 0, func(b *trial) {
		id := b.running("a", "sleep", "100")
		top, err := b.ContainerTop(b.ctx, id, &docker.ContainerTopOptions{Args: []string{"-o", "pid,comm"}})
		b.err("top", err)
		b.note("%v %d %s", top.Titles, len(top.Processes), top.Processes[0][1])
		top, err = b.ContainerTop(b.ctx, id, nil)
		b.err("top", err)
		b.note("%v %s", top.Titles, top.Processes[0][7])
	}},
	{"stats", 0, func(b *trial) {
		sample, err := b.ContainerStatsOnce(b.ctx, b.running("a", "sleep", "100"), &docker.ContainerStatsOnceOptions{OneShot: true})
		b.err("stats", err)
		b.note("%s %t %t %d", sample.Name, sample.Read.IsZero(), sample.PreRead.IsZero(), sample.Pids.Current)
		sample, err = b.ContainerStatsOnce(b.ctx, b.create("b", "true"), nil)
		b.err("stats", err)
		b.note("%s %t %d", sample.Name, sample.Read.IsZero(), sample.Pids.Current)
	}},
}
