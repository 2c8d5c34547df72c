package buildkit

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

// scratch is a request that says next to nothing.
func scratch() *Request {
	return &Request{Context: Source{FS: files(map[string]string{"Dockerfile": "FROM scratch", "f": "x"})}}
}

// code is the code of a status.
func code(t *testing.T, err error) int {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	return e.Code
}

func TestSolve(t *testing.T) {
	for _, native := range []bool{false, true} {
		noLeaks(t)
		f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
			step := message(nil).text(1, "sha256:1").text(3, "a step").embed(5, message(nil).number(1, 7))
			b.status <- message(nil).embed(1, step)
			b.status <- message("\xff\xff") // is skipped
			b.status <- message(nil).embed(3, message(nil).text(1, "sha256:1").text(4, "log"))
			if _, err := b.call(b.ctx, pathUnknown, nil); code(t, err) != codeUnimplemented {
				return nil, err
			}
			_, err := b.fetch(http.Header{"dir-name": {"context"}})
			require.Equal(t, map[string]string{"image-resolve-mode": "local", "target": "t", "no-cache": ""}, b.attrs)
			require.Equal(t, "dockerfile.v0", string(b.request[6]))
			return imageMade(), err
		})
		e := f.engine()
		if native {
			e = f.native()
		}
		r := scratch()
		r.Target, r.NoCache = "t", true
		o := listen(r)
		made, err := Solve(testContext(t), e, r)
		require.NoError(t, err)
		require.Equal(t, fakeImage, made.ImageID)
		require.Equal(t, "log", o.logged())
		require.Equal(t, time.Unix(7, 0), o.vertices["a step"].Started)
		if !native {
			require.Equal(t, []string{"/grpc", "/session"}, f.order)
		}
	}
}

// An engine that does not speak HTTP/2 at once is asked for the upgrade.
func TestSolveFallsBackToUpgrades(t *testing.T) {
	noLeaks(t)
	f := newFakeEngine(t, func(*fakeBuild) (message, error) { return imageMade(), nil })
	e := f.engine()
	e.Dial = func(ctx context.Context) (io.ReadWriteCloser, error) {
		near, far := pair(t)
		go func() {
			defer far.Close()
			bufio.NewReader(far).ReadString('\n')
			io.WriteString(far, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request")
		}()
		return near, nil
	}
	_, err := Solve(testContext(t), e, scratch())
	require.NoError(t, err)
}

// Health is answered while transfers are stuck.
func TestHealthDuringTransfers(t *testing.T) {
	noLeaks(t)
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		for range 4 {
			o, err := b.open(pathFiles, http.Header{"dir-name": {"context"}})
			if err != nil {
				return nil, err
			}
			defer o.body.Close()
			for id := range uint64(2) {
				if _, err := o.next(); err != nil {
					return nil, err
				}
				if err := o.send(message(nil).number(1, packetReq).number(3, id)); err != nil {
					return nil, err
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
		for range 20 {
			start := time.Now()
			answer, err := b.call(b.ctx, pathHealth, nil)
			require.NoError(t, err)
			require.Equal(t, "\x08\x01", string(answer))
			require.Less(t, time.Since(start), time.Second)
		}
		return imageMade(), nil
	})
	big := &fstest.MapFile{Data: make([]byte, 20<<20), Mode: 0o644}
	_, err := Solve(testContext(t), f.engine(), &Request{Context: Source{FS: fstest.MapFS{"a": big, "b": big}}})
	require.NoError(t, err)
}

// However the connections end, the build does, with an error that says so.
func TestLostConnections(t *testing.T) {
	for name, lose := range map[string]func(b *fakeBuild){
		"session": func(b *fakeBuild) { b.close() },
		"control": func(b *fakeBuild) { b.engine.conns[0].Close() },
		"both":    func(b *fakeBuild) { b.engine.stop() },
	} {
		t.Run(name, func(t *testing.T) {
			noLeaks(t)
			f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
				lose(b)
				<-b.ctx.Done()
				return nil, b.ctx.Err()
			})
			start := time.Now()
			_, err := Solve(testContext(t), f.engine(), scratch())
			require.ErrorIs(t, err, errdefs.ErrTruncated)
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			require.Less(t, time.Since(start), 5*time.Second)
			t.Log(err)
		})
	}
}

func TestCancel(t *testing.T) {
	noLeaks(t)
	ctx, cancel := context.WithCancelCause(testContext(t))
	cause := errors.New("enough")
	stopped := make(chan struct{})
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		cancel(cause)
		<-b.ctx.Done()
		close(stopped)
		return nil, b.ctx.Err()
	})
	_, err := Solve(ctx, f.engine(), scratch())
	require.ErrorIs(t, err, errdefs.ErrCancelled)
	require.ErrorIs(t, err, cause)
	select {
	case <-stopped:
	case <-time.After(5 * time.Second):
		t.Error("the engine was not told")
	}
}

// A reader of the caller's that blocks does not hold the end of a cancelled build for long.
func TestCancelDuringABlockedUpload(t *testing.T) {
	ctx, cancel := context.WithCancel(testContext(t))
	in, out := io.Pipe()
	defer out.Close()
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		o, err := b.open(pathUpload, nil)
		if err != nil {
			return nil, err
		}
		cancel()
		_, err = o.next()
		return nil, err
	})
	start := time.Now()
	_, err := Solve(ctx, f.engine(), &Request{Context: Source{Stream: in}})
	require.ErrorIs(t, err, errdefs.ErrCancelled)
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestEngineErrorsHaveKinds(t *testing.T) {
	noLeaks(t)
	for c, kind := range map[int]error{
		codeUnknown: errdefs.ErrInternal, codeInvalidArgument: errdefs.ErrInvalidArgument, codeNotFound: errdefs.ErrNotFound,
		codeAlreadyExists: errdefs.ErrConflict, codePermissionDenied: errdefs.ErrPermissionDenied,
		codeUnimplemented: errdefs.ErrNotImplemented, codeUnavailable: errdefs.ErrUnavailable, codeUnauthenticated: errdefs.ErrUnauthenticated,
	} {
		text := "100 % żółw\n\"quoted\" %41 %"
		f := newFakeEngine(t, func(*fakeBuild) (message, error) { return nil, &Error{Code: c, Message: text} })
		_, err := Solve(testContext(t), f.engine(), scratch())
		require.ErrorIs(t, err, kind)
		require.ErrorIs(t, err, errdefs.ErrRefused)
		require.EqualError(t, err, text)
	}
}

// The step that failed of itself is named, with its last lines, not one that was cancelled.
func TestStepError(t *testing.T) {
	noLeaks(t)
	vertex := func(digest, name, failure string) message {
		v := message(nil).text(1, digest).text(3, name).text(7, failure)
		return message(nil).embed(1, v)
	}
	f := newFakeEngine(t, func(b *fakeBuild) (message, error) {
		b.status <- vertex("a", "RUN a", "")
		for range 3 {
			b.status <- message(nil).embed(3, message(nil).text(1, "a").text(4, strings.Repeat("x", 5000)+"\r\nli"))
			b.status <- message(nil).embed(3, message(nil).text(1, "a").text(4, "ne\n"))
		}
		b.status <- vertex("b", "RUN b", "context canceled: canceled")
		b.status <- vertex("c", "importing cache", "not found")
		b.status <- vertex("a", "RUN a", "exit code: 3")
		b.status <- vertex("d", "exporting", "no room")
		for len(b.status) > 0 {
			time.Sleep(time.Millisecond)
		}
		return nil, &Error{Code: codeUnknown, Message: `process "a" did not complete successfully: exit code: 3: x`}
	})
	r := scratch()
	listen(r)
	_, err := Solve(testContext(t), f.engine(), r)
	var step *StepError
	require.ErrorAs(t, err, &step)
	require.Equal(t, "RUN a", step.Step)
	require.Equal(t, "a", step.Vertex)
	require.Equal(t, 3, step.ExitCode)
	require.Equal(t, []string{"line", strings.Repeat("x", 5000), "line"}, step.Log)
	require.True(t, strings.HasPrefix(err.Error(), "RUN a: process"))
}

func TestExitCode(t *testing.T) {
	for text, want := range map[string]int{
		"executor failed running [x]: exit code: 7":                                 7,
		`process "/bin/sh -c echo exit code: 5; exit 137" did not … exit code: 137`: 137,
		"exit code: ": -1, "exit code: x": -1, "": -1, "exit code: 99999999999999999999": -1,
	} {
		require.Equal(t, want, exitCode(text), text)
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	out := new(output).open
	for name, r := range map[string]*Request{
		"no type":         {Exports: []Export{{Output: out}}},
		"no directory":    {Exports: []Export{{Type: "local"}}},
		"no output":       {Exports: []Export{{Type: "oci"}}},
		"output of image": {Exports: []Export{{Type: "moby", Output: out}}},
		"tar directory":   {Exports: []Export{{Type: "tar", Output: out, Receive: ToDir("x")}}},
		"host":            {ExtraHosts: []string{"name"}},
		"host name":       {ExtraHosts: []string{":1.2.3.4"}},
		"dockerfile":      {Dockerfile: Source{URL: "http://x"}},
		"named context":   {Contexts: map[string]Source{"context": {}}},
	} {
		_, err := Solve(t.Context(), Engine{}, r)
		require.ErrorIs(t, err, errdefs.ErrInvalidArgument, name)
	}
}

func TestAttrs(t *testing.T) {
	b := &build{session: &session{id: "s"}, request: &Request{
		Context: Source{Stream: strings.NewReader("")}, Dockerfile: Source{FS: emptyFS{}}, DockerfileName: "D",
		Contexts:  map[string]Source{"a": {Dir: "x"}, "b": {URL: "docker-image://y"}},
		Platforms: []string{"linux/amd64", "linux/arm64"}, NoCacheFrom: []string{"s1", "s2"}, Pull: true, NetworkMode: "host",
		ExtraHosts: []string{"h:1.2.3.4", "i=::1"}, ShmSize: 1, Ulimits: []string{"a=1:2", "b=3"}, CgroupParent: "/c",
		BuildArgs: map[string]string{"A": "", "B": "b"}, Attestations: map[string]string{"sbom": ""},
		CacheFrom: []CacheEntry{{Type: "registry", Attrs: map[string]string{"ref": "r"}}}, Attrs: map[string]string{"target": "t", "x": "y"},
	}}
	b.cache = &caches{from: b.request.CacheFrom}
	a, err := b.attrs(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		"image-resolve-mode": "pull", "context": "http://buildkit-session/s", "dockerfilekey": "dockerfile", "filename": "D",
		"context:a": "local:a", "context:b": "docker-image://y", "platform": "linux/amd64,linux/arm64", "no-cache": "s1,s2",
		"force-network-mode": "host", "add-hosts": "h=1.2.3.4,i=::1", "shm-size": "1", "ulimit": "a=1:2,b=3", "cgroup-parent": "/c",
		"build-arg:A": "", "build-arg:B": "b", "attest:sbom": "", "cache-from": "r", "target": "t", "x": "y",
		"cache-imports": `[{"Type":"registry","Attrs":{"ref":"r"}}]`,
	}, a)
	require.Equal(t, []string{"network.host"}, b.request.entitlements())
}

// All steps and those of a stage are all steps.
func TestNoCacheOfAll(t *testing.T) {
	for _, r := range []*Request{{NoCache: true}, {NoCache: true, NoCacheFrom: []string{"a"}}} {
		a, err := (&build{request: r, cache: &caches{}}).attrs(t.Context())
		require.NoError(t, err)
		require.Contains(t, a, "no-cache")
		require.Empty(t, a["no-cache"])
	}
}
