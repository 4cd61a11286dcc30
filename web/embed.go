// Package web holds the built web client and the files of the Socket.IO client library.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist is the web client: index.html and its assets. It is empty until the client has been built.
func Dist() fs.FS { return sub("dist") }

// SocketIOClient has socket.io.js and its variants, for pages that load them with a script tag.
func SocketIOClient() fs.FS { return sub("dist/socket.io") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(dist, dir)
	if err != nil { // the names are constants and valid
		panic(err)
	}
	return f
}
