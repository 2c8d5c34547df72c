// Package examples holds a command for each task. Each is run as
//
//	go run ./examples/quickstart
//
// on the engine of DOCKER_HOST, or else of the machine, and removes what it makes there.
// With -h it tells its flags.
//
//	quickstart   the main calls, one after the other
//
//	run          run a command in a container of its own
//	exec         run commands in a container that runs
//	shell        a shell in a container, on this terminal
//	wait         create, wait, start: an exit code that is never missed
//	health       wait until a container is healthy
//	logs         follow what a container writes, line by line
//	stats        follow what a container uses
//	copy         copy files and directories into a container and out of it
//	prune        remove containers and images that are no longer used
//
//	build        build an image with a secret, and tell what failed
//	pull         pull an image with credentials, and show the progress
//	credentials  log in to a registry, keep it, and use it
//	import       import, commit, tag, save and load an image
//	events       keep a list up to date by the engine's events
//
//	contexts     the docker command's contexts, and which engine New finds
//	ssh          a command at the far end of an ssh connection
//	dialer       connect in a way of one's own
//	tls          connect with certificates that are held in memory
//	middleware   log every request, without its secrets
//	errors       tell errors apart
package examples
