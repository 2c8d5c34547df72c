package enginetest

var secretRoutes = table{}
