package enginetest

var containerRoutes, streamRoutes, archiveRoutes, execRoutes = table{}, table{}, table{}, table{}

type (
	containerLog struct{}
	streamSet    struct{}
	health       struct{}
	exec         struct{}
)

func (e *engine) killAll()                       {}
func (e *engine) restart(live bool, version int) {}
func (e *engine) resume()                        {}
