// Package docker is a client for the Docker Engine API, versions 1.40 to 1.56.
//
//	c, err := docker.New() // the engine that the environment names
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	out, err := c.ContainerRun(ctx, "alpine:3.22", "uname", "-a").Output()
//
// There are four kinds of call, and each has one shape.
//
// A plain call asks and returns: lists, inspects, creates, starts, removes. It returns a
// slice, a pointer to a struct, an [io.ReadCloser] where the answer is bytes, or nothing
// but an error.
//
// A job is work that the engine reports on while it does it: [Client.ImagePull],
// [Client.ImagePush], [Client.ImageLoad], [Client.ImageImport],
// [Client.PluginInstall]. It blocks until it is
// done and returns what came of it; a failure that the engine reports on the way is the
// returned error. The reports go to a callback of its options, for which
// [streams.Display] shows them on a terminal.
//
// A feed goes on: [Client.ContainerLogs], [Client.ServiceLogs],
// [Client.ContainerStats], [Client.Events]. It
// is returned once the engine has answered, and then ranged over. Leaving the loop
// closes it.
//
// A conversation goes both ways: [Client.ContainerRun] and [Client.ContainerExec] are
// commands with the fields and verbs of [os/exec.Cmd]; [Client.ContainerAttach] and
// [Client.ExecStart] are the connections below them; [Client.ContainerWait] is
// registered with the engine when it returns.
//
// # Options
//
// What a call needs is a parameter of its own. All else is a struct of options, last,
// which may be nil, is read before the call returns and is never changed. Zero in it is
// the engine's default. An option that is newer than the engine in use is an error that
// is [errors.ErrUnsupported] and names both versions; nothing is sent then.
//
// # Contexts
//
// A context bounds everything that was given it: a feed, an attached connection and a
// command end with it, a blocked read too, and their error has its cause. There is no
// other time limit, save the two that [WithDialTimeout] and [WithResponseTimeout] set.
//
// # The engine and its registries
//
// Without options [New] takes the engine that the docker command would. [Resolve] tells
// which and why, [ContextList] and [ContextInspect] read the contexts. [WithHost],
// [WithContext], [WithDialer], [WithTLSFiles] and their like say otherwise. A tcp host is
// reached through the proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name, upgraded
// connections too; sockets, pipes, ssh and dialers never are.
//
// An ssh host is reached through the ssh program, one process for each connection, with
// what ~/.ssh/config says: keys, jump hosts, and a ControlMaster, which needs
// ControlPersist to outlive the connection that started it. Without that program, a dialer
// over golang.org/x/crypto/ssh does it.
//
// Calls that reach a registry, and are not given credentials, find them in the client's
// source: [auth.Default], or that of [WithCredentials]. A service's nodes get them only
// where its options ask for it.
//
// # Errors
//
// What an engine refuses is an *[Error] with its own words. Package errdefs names the
// kinds, as errdefs.ErrNotFound, and tells what became of a request: not sent, refused,
// outcome unknown, truncated, or cancelled. Both are asked with [errors.Is]. A stream
// that was cut is never the end of a stream.
//
// # Index
//
// System: [Client.Ping], [Client.Version], [Client.Info], [Client.DiskUsage],
// [Client.Events], [Client.RegistryLogin], [Client.APIVersion], [Client.Facts],
// [Client.Do].
//
// Containers: [Client.ContainerList], [Client.ContainerCreate],
// [Client.ContainerInspect], [Client.ContainerStart], [Client.ContainerStop],
// [Client.ContainerRestart], [Client.ContainerKill], [Client.ContainerPause],
// [Client.ContainerUnpause], [Client.ContainerUpdate], [Client.ContainerRename],
// [Client.ContainerRemove], [Client.ContainerPrune], [Client.ContainerTop],
// [Client.ContainerChanges], [Client.ContainerExport], [Client.ContainerResize],
// [Client.ContainerWait], [Client.ContainerWaitHealthy], [Client.ContainerLogs],
// [Client.ContainerAttach], [Client.ContainerAttachWebsocket], [Client.ContainerStats],
// [Client.ContainerStatsOnce], [Client.ContainerRun], [Client.CheckpointList],
// [Client.CheckpointCreate], [Client.CheckpointRemove].
//
// Files of containers: [Client.ContainerStatPath], [Client.ContainerCopyFrom],
// [Client.ContainerCopyTo], [Client.ContainerReadFile], [Client.ContainerWriteFile],
// [Client.ContainerCopyFS], [Client.ContainerCopyDir], [Client.ContainerExtract].
//
// Commands in containers: [Client.ContainerExec], [Client.ExecCreate],
// [Client.ExecStart], [Client.ExecStartDetached], [Client.ExecResize],
// [Client.ExecInspect].
//
// Images: [Client.ImageList], [Client.ImageInspect], [Client.ImageHistory],
// [Client.ImagePull], [Client.ImagePush], [Client.ImageTag], [Client.ImageRemove],
// [Client.ImagePrune], [Client.ImageSearch], [Client.ImageCommit],
// [Client.ImageImport], [Client.ImageImportURL], [Client.ImageSave],
// [Client.ImageLoad], [Client.ImageAttestations], [Client.DistributionInspect].
//
// Networks: [Client.NetworkList], [Client.NetworkCreate], [Client.NetworkInspect],
// [Client.NetworkConnect], [Client.NetworkDisconnect], [Client.NetworkRemove],
// [Client.NetworkPrune].
//
// Volumes: [Client.VolumeList], [Client.VolumeCreate], [Client.VolumeInspect],
// [Client.VolumeUpdate], [Client.VolumeRemove], [Client.VolumePrune].
//
// Plugins: [Client.PluginList], [Client.PluginInspect], [Client.PluginPrivileges],
// [Client.PluginInstall], [Client.PluginUpgrade], [Client.PluginEnable],
// [Client.PluginDisable], [Client.PluginSet], [Client.PluginCreate],
// [Client.PluginPush], [Client.PluginRemove].
//
// Swarm: [Client.SwarmInspect], [Client.SwarmInit], [Client.SwarmJoin],
// [Client.SwarmLeave], [Client.SwarmUpdate], [Client.SwarmUnlockKey],
// [Client.SwarmUnlock], [Client.NodeList], [Client.NodeInspect], [Client.NodeUpdate],
// [Client.NodeChange], [Client.NodeDrain], [Client.NodeRemove].
//
// Services: [Client.ServiceList], [Client.ServiceCreate], [Client.ServiceInspect],
// [Client.ServiceUpdate], [Client.ServiceChange], [Client.ServiceWaitConverged],
// [Client.ServiceLogs], [Client.ServiceRemove], [Client.TaskList],
// [Client.TaskInspect], [Client.TaskLogs].
//
// Secrets and configs: [Client.SecretList], [Client.SecretCreate],
// [Client.SecretInspect], [Client.SecretUpdate], [Client.SecretRemove],
// [Client.ConfigList], [Client.ConfigCreate], [Client.ConfigInspect],
// [Client.ConfigUpdate], [Client.ConfigRemove].
//
// Builds: [Client.ImageBuild], of a [BuildSource]; [Client.BuildPrune], [Client.BuildCancel], [Client.Session].
package docker
