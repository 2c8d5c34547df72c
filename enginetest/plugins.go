package enginetest

import "net/http"

// Plugins are left out: there is none, and none can be installed or made.
var pluginRoutes = table{
	"GET /plugins":                 plainHandler(pluginList),
	"GET /plugins/{name}/json":     plainHandler(noPlugin),
	"DELETE /plugins/{name}":       plainHandler(noPlugin),
	"POST /plugins/{name}/enable":  plainHandler(noPlugin),
	"POST /plugins/{name}/disable": plainHandler(noPlugin),
	"POST /plugins/{name}/upgrade": plainHandler(noPlugin),
	"POST /plugins/{name}/push":    plainHandler(noPlugin),
	"POST /plugins/{name}/set":     plainHandler(noPlugin),
}

func pluginList(c *call) error { return c.json(http.StatusOK, []any{}) }

func noPlugin(c *call) error { return notFound("plugin %q not found", c.vars["name"]) }
