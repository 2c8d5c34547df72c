package enginetest

import (
	"maps"
	"net/http"
	"slices"

	"github.com/cleat-go/docker"
)

var diskRoutes = table{"GET /system/df": plainHandler(diskUsage)}

// diskUsage tells what is kept: in one form to clients below API 1.52, in another from
// then on.
func diskUsage(c *call) error {
	kinds := c.query["type"]
	asked := func(kind string) bool { return len(kinds) == 0 || !c.since(42) || slices.Contains(kinds, kind) }
	for _, kind := range kinds {
		if !slices.Contains([]string{"container", "image", "volume", "build-cache"}, kind) {
			return badRequest("unknown object type: %s", kind)
		}
	}
	var u docker.DiskUsage
	if asked("image") {
		u.Images, u.LayersSize = c.diskImages()
		u.ImageUsage = usage(u.Images, func(i docker.ImageSummary) (int64, bool) { return i.Size, i.Containers > 0 })
	}
	if asked("container") {
		for _, ct := range c.newest() {
			u.Containers = append(u.Containers, c.summary(ct, true))
		}
		u.ContainerUsage = usage(u.Containers, func(s docker.ContainerSummary) (int64, bool) { return *s.SizeRw, s.State == docker.ContainerRunning })
	}
	if asked("volume") {
		u.Volumes = c.diskVolumes()
		u.VolumeUsage = usage(u.Volumes, func(v docker.Volume) (int64, bool) { return v.UsageData.Size, v.UsageData.RefCount > 0 })
	}
	if asked("build-cache") {
		u.BuildCacheUsage = &docker.Usage[docker.BuildCache]{}
	}
	if !c.since(52) {
		u.ImageUsage, u.ContainerUsage, u.VolumeUsage, u.BuildCacheUsage = nil, nil, nil, nil
		return c.json(http.StatusOK, u)
	}
	if c.bool("verbose") {
		keep(u.ImageUsage, u.Images)
		keep(u.ContainerUsage, u.Containers)
		keep(u.VolumeUsage, u.Volumes)
	}
	u.LayersSize, u.Images, u.Containers, u.Volumes = 0, nil, nil, nil
	return c.json(http.StatusOK, u)
}

// usage adds up what objects take; of tells that of one, and whether it is in use.
func usage[T any](items []T, of func(T) (size int64, used bool)) *docker.Usage[T] {
	u := &docker.Usage[T]{TotalCount: int64(len(items))}
	for _, item := range items {
		size, used := of(item)
		u.TotalSize += size
		if used {
			u.ActiveCount++
		} else {
			u.Reclaimable += size
		}
	}
	return u
}

// keep adds the objects to their usage, where it was asked for.
func keep[T any](u *docker.Usage[T], items []T) {
	if u != nil {
		u.Items = items
	}
}

// diskImages are all images with the number of their containers, and their size.
func (c *call) diskImages() (list []docker.ImageSummary, total int64) {
	for _, img := range c.newestImages() {
		s := c.imageSummary(img)
		s.Containers, s.SharedSize = int64(len(c.imageUsers(img))), 0
		list = append(list, s)
		total += s.Size
	}
	return list, total
}

// diskVolumes are all volumes with their use.
func (e *engine) diskVolumes() (list []docker.Volume) {
	for _, name := range slices.Sorted(maps.Keys(e.volumes.byName)) {
		v := e.volumes.byName[name]
		described := v.Volume
		described.UsageData = &docker.VolumeUsage{Size: v.files.changed().size(), RefCount: int64(len(e.users(name)))}
		list = append(list, described)
	}
	return list
}
