package enginetest

var pluginRoutes = table{}

// pluginStore has the plugins of the engine.
type pluginStore struct{}

func (e *engine) initPlugins() {}
