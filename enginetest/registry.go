package enginetest

var registryRoutes = table{}

// registry is what the engine can pull and push.
type registry struct{}

func (e *engine) initRegistry(*settings) {}
