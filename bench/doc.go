// Package bench measures this client beside its peers, and beside the bare floor.
package bench
