package enginetest

var buildRoutes = table{}

// builder is the state of builds.
type builder struct{}
