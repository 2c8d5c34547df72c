package enginetest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
)

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := enginetest.NewServer(t, enginetest.WithImage("busybox:local", enginetest.Busybox()))
		run := s.Client().ContainerRun(t.Context(), "busybox:local", "sh", "-c", "echo out; echo err >&2; sleep 10; exit 3")
		var out, err strings.Builder
		run.Stdout, run.Stderr = &out, &err
		require.ErrorContains(t, run.Run(), "3")
		require.Equal(t, "out\n", out.String())
		require.Equal(t, "err\n", err.String())
	})
}

func TestShell(t *testing.T) {
	s := enginetest.NewServer(t, enginetest.WithImage("busybox:local", enginetest.Busybox()))
	for script, want := range map[string]string{
		`echo hello | tr a-z A-Z`:                               "HELLO\n",
		`for i in 1 2 3; do echo $i; done | wc -l`:              "3\n",
		`i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i`: "3\n",
		`x=$(echo a; echo b); echo "$x"`:                        "a\nb\n",
		`echo ${NOPE:-default} "${#HOME}"`:                      "default 5\n",
		`echo a > /tmp/f; echo b >> /tmp/f; cat < /tmp/f`:       "a\nb\n",
		`if false; then echo no; elif true; then echo yes; fi`:  "yes\n",
		`(cd /tmp; pwd); pwd`:                                   "/tmp\n/\n",
		"cat <<EOF\nhello $HOSTNAME\nEOF":                       "hello host\n",
		`trap 'echo bye' EXIT; echo hi`:                         "hi\nbye\n",
		`nope || echo $?`:                                       "127\n",
		`set -e; false; echo no`:                                "",
		`mkdir -p /a/b; touch /a/b/c; ls /a/b; echo /a/*`:       "c\n/a/b\n",
		`printf '%s-%d\n' x 7`:                                  "x-7\n",
		`sleep 0.01 & wait $!; echo done`:                       "done\n",
		`f=a.tar.gz; echo ${f%.gz} ${f%%.*} ${f#*.}`:            "a.tar a tar.gz\n",
		`echo one two | { read a b; echo $b $a; }`:              "two one\n",
	} {
		t.Run(script, func(t *testing.T) {
			run := s.Client().ContainerRun(t.Context(), "busybox:local", "sh", "-c", script)
			run.Config = &docker.ContainerConfig{Hostname: "host"}
			out, _ := run.Output()
			require.Equal(t, want, string(out))
		})
	}
}
