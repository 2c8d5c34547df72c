# Sourced by the scripts that are a row of steps; the folder is the repository's.

# git may not want to tell a version, and no binary here needs one
GOFLAGS="$(go env GOFLAGS) -buildvcs=false"
export GOFLAGS

# step NAME COMMAND...: runs the command, prints its time, ends the script if it fails.
step() {
	local name=$1 start=${EPOCHREALTIME/[.,]/} status=0 ms
	shift
	echo "== $name"
	"$@" || status=$?
	ms=$(((${EPOCHREALTIME/[.,]/} - start) / 1000))
	if [ "$status" != 0 ]; then
		printf '== %s: FAILED after %d.%03d s\n' "$name" $((ms / 1000)) $((ms % 1000))
		exit 1
	fi
	printf '== %s: %d.%03d s\n' "$name" $((ms / 1000)) $((ms % 1000))
}

# runs_386 tells whether this machine does; not every 64-bit kernel does.
runs_386() {
	mkdir -p .bin
	printf 'package main\n\nfunc main() {}\n' >.bin/empty.go
	CGO_ENABLED=0 GOARCH=386 go run .bin/empty.go 2>/dev/null
}
