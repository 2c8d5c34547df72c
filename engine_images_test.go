package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
	"github.com/cleat-go/docker/streams"
)

// smallRootfs is a tar with one file, whose text makes the image that it becomes unlike
// any other.
func smallRootfs(t *testing.T, text string) io.Reader {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	require.NoError(t, w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(text))}))
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return &out
}

// imported makes a small image with the test's label and, unless it is empty, a name.
func imported(t *testing.T, c *Client, name string, changes ...string) string {
	t.Helper()
	id, err := c.ImageImport(engineContext(t), smallRootfs(t, unique("file")), &ImageImportOptions{
		Reference: name, Changes: append([]string{"LABEL " + markKey + "=" + mark(t)}, changes...),
	})
	require.NoError(t, err)
	return id
}

func TestEngineImageImport(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("import")+":v1"
		var progress []streams.Message
		id, err := c.ImageImport(ctx, smallRootfs(t, unique("file")), &ImageImportOptions{
			Reference: name, Message: "of a test",
			Changes: []string{
				"LABEL " + markKey + "=" + mark(t), `CMD ["/file", "a b"]`, "ENV A=b C=d", "WORKDIR /tmp", "USER nobody", "EXPOSE 80/tcp", `ENTRYPOINT ["/e"]`,
			},
			Progress: func(m streams.Message) { progress = append(progress, m) },
		})
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(id, "sha256:"))
		require.GreaterOrEqual(t, len(progress), 2)
		require.True(t, progress[len(progress)-1].Done)

		var raw json.RawMessage
		image, err := c.ImageInspect(ctx, name, &ImageInspectOptions{Raw: &raw})
		require.NoError(t, err)
		require.Equal(t, id, image.ID)
		require.Equal(t, []string{name}, image.RepoTags)
		require.Equal(t, "of a test", image.Comment)
		require.Equal(t, Command{"/file", "a b"}, image.Config.Cmd)
		require.Equal(t, Command{"/e"}, image.Config.Entrypoint)
		require.Subset(t, image.Config.Env, []string{"A=b", "C=d"})
		require.Equal(t, "/tmp", image.Config.WorkingDir)
		require.Equal(t, "nobody", image.Config.User)
		require.Contains(t, image.Config.ExposedPorts, Port("80/tcp"))
		require.Equal(t, "linux", image.OS)
		require.Len(t, image.RootFS.Layers, 1)
		require.WithinDuration(t, time.Now(), image.Created.Time, time.Hour)
		require.Positive(t, image.Size)
		require.Contains(t, string(raw), id)
	})
}

func TestEngineImageImportRefused(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		_, err := c.ImageImport(ctx, smallRootfs(t, "x"), &ImageImportOptions{Changes: []string{"NOSUCH instruction"}})
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrRefused)
		_, err = c.ImageImport(ctx, strings.NewReader("this is no tar"), &ImageImportOptions{Reference: unique("none")})
		errorsIs(t, err, errdefs.ErrRefused)
		_, err = c.ImageImportURL(ctx, "http://127.0.0.1:9/rootfs.tar", nil)
		errorsIs(t, err, errdefs.ErrRefused)
		require.ErrorContains(t, err, "refused")

		failure := errors.New("the disk is gone")
		_, err = c.ImageImport(ctx, io.MultiReader(smallRootfs(t, "x"), failingReader{failure}), nil)
		require.ErrorIs(t, err, failure)
	})
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestEngineImageMissing(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("missing")
		for call, err := range map[string]error{
			"inspect": second(c.ImageInspect(ctx, name, nil)),
			"history": second(c.ImageHistory(ctx, name, nil)),
			"tag":     c.ImageTag(ctx, name, unique("tag")),
			"remove":  second(c.ImageRemove(ctx, name, nil)),
		} {
			require.ErrorIs(t, err, errdefs.ErrNotFound, call)
			require.ErrorContains(t, err, name, call)
		}
	})
}

func TestEngineImageListAndTag(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		first, second := unique("first")+":1", "example.com/"+unique("second")+":2"
		id := imported(t, c, first, "LABEL colour=blue")
		require.NoError(t, c.ImageTag(ctx, id, second))
		require.NoError(t, c.ImageTag(ctx, first, unique("untagged")), "the tag is latest")

		list, err := c.ImageList(ctx, &ImageListOptions{Filters: ours(t)})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, id, list[0].ID)
		require.Subset(t, list[0].RepoTags, []string{first, second})
		require.Len(t, list[0].RepoTags, 3)
		require.Equal(t, "blue", list[0].Labels["colour"])
		require.WithinDuration(t, time.Now(), list[0].Created.Time, time.Hour)
		require.Positive(t, list[0].Size)
		require.EqualValues(t, -1, list[0].SharedSize)

		for filter, want := range map[string]int{first: 1, second: 1, "example.com/*:2": 1, "nobody.example/*": 0} {
			list, err = c.ImageList(ctx, &ImageListOptions{Filters: Filters{"reference": {filter}, "label": ours(t)["label"]}})
			require.NoError(t, err)
			require.Len(t, list, want, filter)
		}
		if atLeast(t, c, 42) {
			list, err = c.ImageList(ctx, &ImageListOptions{SharedSize: true, Filters: ours(t)})
			require.NoError(t, err)
			require.GreaterOrEqual(t, list[0].SharedSize, int64(0))
		}
		_, err = c.ImageList(ctx, &ImageListOptions{Filters: Filters{"nonsense": {"x"}}})
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrRefused)
	})
}

func TestEngineImageHistory(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("history")+":1"
		imported(t, c, name)
		container := ended(t, c, nil, "sh", "-c", "echo text >/root/file")
		id, err := c.ImageCommit(ctx, container, &ImageCommitOptions{Comment: "a second layer"})
		require.NoError(t, err)
		history, err := c.ImageHistory(ctx, id, nil)
		require.NoError(t, err)
		require.Len(t, history, 2)
		require.Equal(t, "a second layer", history[0].Comment)
		require.Positive(t, history[0].Size)
		require.False(t, history[0].Created.Before(history[1].Created.Time))
		history, err = c.ImageHistory(ctx, name, nil)
		require.NoError(t, err)
		require.Equal(t, []string{name}, history[0].Tags)
	})
}

func TestEngineImageRemove(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		first, second := unique("first")+":1", unique("second")+":1"
		id := imported(t, c, first)
		require.NoError(t, c.ImageTag(ctx, first, second))
		_, err := c.ImageRemove(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrConflict, errdefs.ErrRefused)

		removed, err := c.ImageRemove(ctx, second, nil)
		require.NoError(t, err)
		require.Equal(t, []ImageDeleteItem{{Untagged: second}}, removed)
		removed, err = c.ImageRemove(ctx, first, nil)
		require.NoError(t, err)
		require.Contains(t, removed, ImageDeleteItem{Untagged: first})
		require.Contains(t, removed, ImageDeleteItem{Deleted: id})
		_, err = c.ImageInspect(ctx, id, nil)
		errorsIs(t, err, errdefs.ErrNotFound)

		used := imported(t, c, unique("used")+":1")
		made, err := c.ContainerCreate(ctx, used, &ContainerCreateOptions{Config: &ContainerConfig{Cmd: Command{"/file"}, Labels: marked(t, nil)}})
		require.NoError(t, err)
		_, err = c.ImageRemove(ctx, used, nil)
		errorsIs(t, err, errdefs.ErrConflict, errdefs.ErrRefused)
		require.ErrorContains(t, err, made.ID[:12])
		require.NoError(t, c.ContainerRemove(ctx, made.ID, nil))
	})
}

func TestEngineImageSaveAndLoad(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		names := []string{unique("save") + ":1", unique("save") + ":2"}
		ids := []string{imported(t, c, names[0]), imported(t, c, names[1])}
		for _, count := range []int{1, 2} {
			saved, err := c.ImageSave(ctx, names[:count], nil)
			require.NoError(t, err)
			archive, err := io.ReadAll(saved)
			require.NoError(t, err)
			require.NoError(t, saved.Close())
			for _, name := range names[:count] {
				_, err = c.ImageRemove(ctx, name, nil)
				require.NoError(t, err)
			}
			var progress []streams.Message
			opts := &ImageLoadOptions{Progress: func(m streams.Message) { progress = append(progress, m) }}
			if count == 2 {
				opts = nil
			}
			loaded, err := c.ImageLoad(ctx, bytes.NewReader(archive), opts)
			require.NoError(t, err)
			require.ElementsMatch(t, names[:count], loaded)
			if opts != nil {
				require.True(t, progress[len(progress)-1].Done)
			}
		}
		for i, name := range names {
			image, err := c.ImageInspect(ctx, name, nil)
			require.NoError(t, err)
			require.Equal(t, ids[i], image.ID)
		}
	})
}

func TestEngineImageSaveRefused(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		saved, err := c.ImageSave(ctx, []string{unique("missing")}, nil)
		if err == nil {
			_, err = io.Copy(io.Discard, saved)
			saved.Close()
		}
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
		for _, archive := range []io.Reader{strings.NewReader("this is no tar"), smallRootfs(t, "a tar without images")} {
			loaded, err := c.ImageLoad(ctx, archive, nil)
			errorsIs(t, err, errdefs.ErrRefused)
			require.NotErrorIs(t, err, errdefs.ErrNotFound, "it is the archive that is wrong")
			require.Empty(t, loaded)
		}
	})
}

func TestEngineImageSaveCancelled(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(engineContext(t))
		saved, err := c.ImageSave(ctx, []string{baseImage}, nil)
		require.NoError(t, err)
		defer saved.Close()
		_, err = io.ReadFull(saved, make([]byte, 1024))
		require.NoError(t, err)
		cancel(reason)
		within(t, time.Second, func() { _, err = io.Copy(io.Discard, saved) })
		errorsIs(t, err, reason, errdefs.ErrCancelled)
	})
}

func TestEngineImagePrune(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		name := unique("named") + ":1"
		named, nameless := imported(t, c, name), imported(t, c, "")
		pruned, err := c.ImagePrune(ctx, &ImagePruneOptions{Filters: ours(t)})
		require.NoError(t, err)
		require.Contains(t, pruned.ImagesDeleted, ImageDeleteItem{Deleted: nameless})
		require.NotContains(t, pruned.ImagesDeleted, ImageDeleteItem{Deleted: named})
		require.Positive(t, pruned.SpaceReclaimed)

		pruned, err = c.ImagePrune(ctx, &ImagePruneOptions{All: true, Filters: ours(t)})
		require.NoError(t, err)
		require.Contains(t, pruned.ImagesDeleted, ImageDeleteItem{Untagged: name})
		require.Contains(t, pruned.ImagesDeleted, ImageDeleteItem{Deleted: named})
	})
}

func TestEngineImageCommit(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("commit")+":1"
		container := started(t, c, nil, "sh", "-c", "echo text >/root/file; echo ready; sleep 1000")
		hears(t, c, container, "ready")
		id, err := c.ImageCommit(ctx, container, &ImageCommitOptions{
			Reference: name, Comment: "a comment", Author: "an author", NoPause: true,
			Changes: []string{`CMD ["cat", "/root/file"]`, "ENV A=b"},
		})
		require.NoError(t, err)
		image, err := c.ImageInspect(ctx, name, nil)
		require.NoError(t, err)
		require.Equal(t, id, image.ID)
		require.Equal(t, "a comment", image.Comment)
		require.Equal(t, "an author", image.Author)
		require.Contains(t, image.Config.Env, "A=b")
		require.Len(t, image.RootFS.Layers, 2)
		run := runOf(t, ctx, c)
		run.Image = name
		out, err := run.Output()
		require.NoError(t, err)
		require.Equal(t, "text\n", string(out))

		_, err = c.ImageCommit(ctx, container, &ImageCommitOptions{Changes: []string{"NOSUCH instruction"}})
		errorsIs(t, err, errdefs.ErrInvalidArgument, errdefs.ErrRefused)
	})
}

func TestEngineExportAndImport(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx, name := engineContext(t), unique("export")+":1"
		container := ended(t, c, nil, "sh", "-c", "echo text >/root/file")
		exported, err := c.ContainerExport(ctx, container)
		require.NoError(t, err)
		defer exported.Close()
		id, err := c.ImageImport(ctx, exported, &ImageImportOptions{
			Reference: name, Changes: []string{"LABEL " + markKey + "=" + mark(t), "ENV PATH=/bin"},
		})
		require.NoError(t, err)
		run := runOf(t, ctx, c, "cat", "/root/file")
		run.Image = id
		out, err := run.Output()
		require.NoError(t, err)
		require.Equal(t, "text\n", string(out))
	})
}

func TestEngineImagePlatforms(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		if !atLeast(t, c, 49) {
			t.Skip("the engine is older than API 1.49")
		}
		image, err := c.ImageInspect(ctx, baseImage, nil)
		require.NoError(t, err)
		here := &Platform{OS: image.OS, Architecture: image.Architecture}
		same, err := c.ImageInspect(ctx, baseImage, &ImageInspectOptions{Platform: here})
		require.NoError(t, err)
		require.Equal(t, image.ID, same.ID)
		_, err = c.ImageHistory(ctx, baseImage, &ImageHistoryOptions{Platform: here})
		require.NoError(t, err)
		saved, err := c.ImageSave(ctx, []string{baseImage}, &ImageSaveOptions{Platforms: []*Platform{here}})
		require.NoError(t, err)
		defer saved.Close()
		_, err = io.Copy(io.Discard, saved)
		require.NoError(t, err)

		elsewhere := &Platform{OS: "linux", Architecture: "s390x"}
		_, err = c.ImageInspect(ctx, baseImage, &ImageInspectOptions{Platform: elsewhere})
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
	})
}

func TestEngineImageSearchWithoutANetwork(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		for name, call := range map[string]func(ctx context.Context) error{
			"search": func(ctx context.Context) error { return second(c.ImageSearch(ctx, "127.0.0.1:9/busybox", nil)) },
			"pull":   func(ctx context.Context) error { return second(c.ImagePull(ctx, "127.0.0.1:9/busybox:1", nil)) },
		} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(engineContext(t), 10*time.Second)
				defer cancel()
				var err error
				within(t, 11*time.Second, func() { err = call(ctx) })
				errorsIs(t, err, errdefs.ErrRefused)
				require.ErrorContains(t, err, "refused")
			})
		}
	})
}

func TestEngineImagePullThatHangs(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		reason := errors.New("enough")
		for name, call := range map[string]func(ctx context.Context) error{
			"search": func(ctx context.Context) error { return second(c.ImageSearch(ctx, "busybox", nil)) },
			"pull":   func(ctx context.Context) error { return second(c.ImagePull(ctx, unique("none")+":1", nil)) },
		} {
			t.Run(name, func(t *testing.T) {
				ctx, cancel := context.WithTimeoutCause(engineContext(t), time.Second, reason)
				defer cancel()
				var err error
				within(t, 3*time.Second, func() { err = call(ctx) })
				require.True(t, errors.Is(err, errdefs.ErrRefused) || errors.Is(err, errdefs.ErrCancelled) && errors.Is(err, reason), err)
			})
		}
	})
}

// httpdOf starts a web server in the engine's own network, with a script that fills
// /www, and returns its address as the engine sees it.
func httpdOf(t *testing.T, c *Client, script string) string {
	t.Helper()
	addr := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
	id := started(t, c, nil, "sh", "-c", script+" && exec httpd -f -p "+addr+" -h /www")
	poll(t, "the web server", func() bool {
		return c.ContainerExec(engineContext(t), id, "wget", "-q", "-O", "/dev/null", "http://"+addr+"/rootfs.tar").Run() == nil
	})
	return addr
}

func TestEngineImageImportURL(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		ctx := engineContext(t)
		addr := httpdOf(t, c, "mkdir /www && tar -C /etc -cf /www/rootfs.tar passwd")
		id, err := c.ImageImportURL(ctx, "http://"+addr+"/rootfs.tar", &ImageImportOptions{
			Changes: []string{"LABEL " + markKey + "=" + mark(t)},
		})
		require.NoError(t, err)
		image, err := c.ImageInspect(ctx, id, nil)
		require.NoError(t, err)
		require.Equal(t, mark(t), image.Config.Labels[markKey])
		_, err = c.ImageImportURL(ctx, "http://"+addr+"/missing.tar", nil)
		errorsIs(t, err, errdefs.ErrNotFound, errdefs.ErrRefused)
	})
}

func TestEngineImageSearch(t *testing.T) {
	engines(t, func(t *testing.T, c *Client) {
		results := `{"results":[{"name":"team/app","description":"an app","star_count":7,"is_official":true}]}`
		addr := httpdOf(t, c, "mkdir -p /www/v1 && touch /www/rootfs.tar /www/v1/_ping && echo '"+results+"' >/www/v1/search")
		found, err := c.ImageSearch(engineContext(t), addr+"/app", &ImageSearchOptions{Limit: 5})
		require.NoError(t, err)
		require.Len(t, found, 1)
		require.Equal(t, "an app", found[0].Description)
		require.Equal(t, 7, found[0].StarCount)
		require.True(t, found[0].IsOfficial)
		require.Contains(t, found[0].Name, "team/app")
	})
}
