// Package e2e tests the built binary from outside.
package e2e
