// Package adaptertest is the conformance suite of adapters: what Socket.IO promises about rooms, broadcasts, acknowledgements and
// requests between nodes, tested from outside with real clients over HTTP. An adapter's own test calls [Run]:
//
//	func TestConformance(t *testing.T) {
//		adaptertest.Run(t, 3, func(t *testing.T) adaptertest.Cluster { ... })
//	}
package adaptertest
