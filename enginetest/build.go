package enginetest

// Builds are left out, both kinds: they answer 501.
var buildRoutes = table{}
