package enginetest

var serviceRoutes = table{}
