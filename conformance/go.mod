module github.com/cleat-go/docker/conformance

go 1.26.0

replace github.com/cleat-go/docker => ../

require (
	github.com/cleat-go/docker v0.0.0
	github.com/moby/moby/api v1.56.1
	go.yaml.in/yaml/v3 v3.0.5
)

require (
	github.com/Azure/go-ansiterm v0.0.0-20250102033503-faa5f7b0171c // indirect
	github.com/Microsoft/go-winio v0.6.2 // indirect
	github.com/docker/go-connections v0.8.2 // indirect
	github.com/moby/term v0.5.2 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
)
