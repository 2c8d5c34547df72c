package docker

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// ignoreFiles are ignore files, each with what it is about. Those of the second list have
// wildcards after a "!", with which the docker command's classic builder leaves out more.
var ignoreFiles = [][]string{
	{
		"", "\n\n# all\n  \n", "a\n", "/a\n", "./a/\n", "a/b\n", "a/../c\n", "*\n", "*.go\n", "*/*.go\n", "**/*.go\n", "**/b\n", "a/**\n", "a/**/x.go\n",
		"a?\n", "[a-b]\n", "[^a]*\n", "\\*star\n", "d*\n!d.go\n", "*\n!a/b\n", "*\n!a\na/b\n", "a\n!a/b/x.go\n", "!a\na\n", "Dockerfile\n.dockerignore\n", "*\n!c\n!a/x.go\n",
		"\uFEFFa\r\nc\r\n", " a \n\t c\t\n", "a b\n", "**\n!c\n", "../a\n/\n.\nc\n", "#a\n\\#h\n", "**go\n", "c/\n!c/b/\n", "x+y\n(p)\n",
	},
	{"*\n!**/b\n", "*\n!*/*.go\n", "a\n!**/x.go\n", "**\n!*.go\n", "*\n!a/**\n", "*\n!?/b/x.go\na/b/x.go\n"},
}

// ignoredTree is what they leave out of.
func ignoredTree() map[string]string {
	files := map[string]string{"Dockerfile": "FROM scratch\nCOPY . /\n"}
	for _, name := range []string{
		"a/x.go", "a/y", "a/b/x.go", "a/b/c", "c/b/x.go", "c/z", "ab/x.go", "b", "d.go", "d.txt", "*star", "astar", "a b", "#h", "x+y", "xxy", "(p)", ".hidden/x.go",
	} {
		files[name] = "this is " + name
	}
	return files
}

// dockerBuild is what the docker command builds of a directory, as an archive of files or,
// with its classic builder, as an image.
func dockerBuild(t *testing.T, c *Client, dir string, classic bool, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("docker", append([]string{"build", "-q", "--label", markKey + "=" + mark(t)}, append(args, dir)...)...)
	kit := "DOCKER_BUILDKIT=1"
	if classic {
		kit = "DOCKER_BUILDKIT=0"
	}
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+c.Host(), "DOCKER_CONFIG="+dockerConfig(t), kit)
	var out, failure bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failure
	err := cmd.Run()
	if strings.Contains(failure.String(), "buildx") {
		t.Skip("this docker command has no BuildKit: " + failure.String())
	}
	require.NoError(t, err, failure.String())
	return out.Bytes()
}

// dockerConfig is a configuration of the docker command with the builder that
// DOCKER_TEST_BUILDX names, or the user's own where it names none.
func dockerConfig(t *testing.T) string {
	t.Helper()
	program := os.Getenv("DOCKER_TEST_BUILDX")
	if program == "" {
		return os.Getenv("DOCKER_CONFIG")
	}
	dir := t.TempDir()
	plugins := filepath.Join(dir, "cli-plugins")
	require.NoError(t, os.Mkdir(plugins, 0o755))
	require.NoError(t, os.Symlink(program, filepath.Join(plugins, "docker-buildx")))
	return dir
}

// comparedWithDocker runs a test on the engines that the docker command can build on.
func comparedWithDocker(t *testing.T, test func(t *testing.T, c *Client)) {
	t.Helper()
	if _, err := exec.LookPath("docker"); err != nil {
		t.Skip("no docker command here")
	}
	buildKits(t, func(t *testing.T, c *Client) {
		if !strings.HasPrefix(c.Host(), "unix://") {
			t.Skip("the docker command is asked over sockets")
		}
		test(t, c)
	})
}

func TestEngineBuildIgnoresAsDocker(t *testing.T) {
	comparedWithDocker(t, func(t *testing.T, c *Client) {
		for _, ignored := range append(ignoreFiles[0], ignoreFiles[1]...) {
			files := ignoredTree()
			files[".dockerignore"] = ignored
			dir := written(t, filesOf(files))
			want := tarContent(t, bytes.NewReader(dockerBuild(t, c, dir, false, "-o", "-")))
			var archive bytes.Buffer
			_, err := built(t, c, BuilderBuildKit, BuildDir(dir), &ImageBuildOptions{Exports: []BuildExport{ExportTar(&archive)}})
			require.NoError(t, err, "%q", ignored)
			require.Equal(t, want, tarContent(t, &archive), "%q", ignored)
			for _, source := range []BuildSource{BuildDir(dir), BuildFS(filesOf(files))} {
				require.Equal(t, want, sentContent(t, source, want), "%q", ignored)
			}
		}
	})
}

// sentContent is what the classic builder is sent, without what it leaves out itself.
func sentContent(t *testing.T, source BuildSource, want map[string]string) map[string]string {
	t.Helper()
	files, err := contextFiles(source, &ImageBuildOptions{})
	require.NoError(t, err)
	archive, err := files.archive()
	require.NoError(t, err)
	defer archive.Close()
	content := tarContent(t, archive)
	for _, name := range []string{"Dockerfile", ".dockerignore"} {
		require.Contains(t, content, name)
		if _, stays := want[name]; !stays {
			delete(content, name)
		}
	}
	return content
}

func TestEngineBuildIgnoresAsDockersClassicBuilder(t *testing.T) {
	comparedWithDocker(t, func(t *testing.T, c *Client) {
		for i, ignored := range ignoreFiles[0] {
			if i%6 != 2 {
				continue // the rest is compared above
			}
			files := ignoredTree()
			files[".dockerignore"] = ignored
			dir := written(t, filesOf(files))
			theirs := strings.TrimSpace(string(dockerBuild(t, c, dir, true)))
			ours, err := built(t, c, BuilderClassic, BuildDir(dir), &ImageBuildOptions{NoCache: true})
			require.NoError(t, err)
			require.Equal(t, contentOf(t, c, theirs), contentOf(t, c, ours.ID), "%q", ignored)
		}
	})
}

// The ignore file of a Dockerfile is read in place of the context's.
func TestEngineBuildIgnoresOfADockerfile(t *testing.T) {
	comparedWithDocker(t, func(t *testing.T, c *Client) {
		files := ignoredTree()
		files[".dockerignore"] = "a\n"
		files["sub/my"] = files["Dockerfile"]
		files["sub/my.dockerignore"] = "*\n!a\n!sub/my*\n"
		dir := written(t, filesOf(files))
		want := tarContent(t, bytes.NewReader(dockerBuild(t, c, dir, false, "-o", "-", "-f", filepath.Join(dir, "sub/my"))))
		var archive bytes.Buffer
		_, err := built(t, c, BuilderBuildKit, BuildDir(dir), &ImageBuildOptions{Dockerfile: "sub/my", Exports: []BuildExport{ExportTar(&archive)}})
		require.NoError(t, err)
		require.Equal(t, want, tarContent(t, &archive))
		result, err := built(t, c, BuilderClassic, BuildDir(dir), &ImageBuildOptions{Dockerfile: "sub/my"})
		require.NoError(t, err)
		content := contentOf(t, c, result.ID)
		delete(content, ".dockerignore") // which the classic builder is always sent
		require.Equal(t, want, content)
	})
}

func filesOf(files map[string]string) fstest.MapFS {
	var pairs []string
	for name, text := range files {
		pairs = append(pairs, name, text)
	}
	return tree(pairs...)
}
