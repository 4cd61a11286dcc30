package socketio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"

	"parley/engineio"
)

// clientFiles serves the client library, compressed once and revalidated by ETag.
type clientFiles struct {
	fs fs.FS

	mu     sync.Mutex
	loaded map[string]*clientFile
}

type clientFile struct {
	plain   []byte
	encoded []encodedFile // the best first
	etag    string
}

type encodedFile struct {
	coding string // as in Content-Encoding
	body   []byte
}

func newClientFiles(files fs.FS) *clientFiles {
	return &clientFiles{fs: files, loaded: map[string]*clientFile{}}
}

// serve answers for a file of the client library, and reports whether there is one of that name.
func (c *clientFiles) serve(w http.ResponseWriter, r *http.Request, name string) bool {
	if path.Base(name) != name || !strings.HasPrefix(name, "socket.io.") || strings.HasSuffix(name, ".br") || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	f := c.load(name)
	if f == nil {
		return false
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=0")
	h.Set("Etag", f.etag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	if match := r.Header.Get("If-None-Match"); match == f.etag || match == "W/"+f.etag {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Content-Type", contentType(name))
	body := f.plain
	for _, e := range f.encoded {
		if engineio.Accepts(r, e.coding) {
			h.Set("Content-Encoding", e.coding)
			body = e.body
			break
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = io.Copy(w, bytes.NewReader(body)) // a client that hangs up is its own affair
	return true
}

func (c *clientFiles) load(name string) *clientFile {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f := c.loaded[name]; f != nil {
		return f
	}
	plain, err := fs.ReadFile(c.fs, name)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(plain)
	f := &clientFile{plain: plain, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	if brotli, err := fs.ReadFile(c.fs, name+".br"); err == nil { // the standard library cannot make these
		f.encoded = append(f.encoded, encodedFile{"br", brotli})
	}
	f.encoded = append(f.encoded,
		compressedWith("gzip", plain, func(w io.Writer) io.WriteCloser {
			z, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // the level is valid
			return z
		}),
		compressedWith("deflate", plain, func(w io.Writer) io.WriteCloser {
			z, _ := zlib.NewWriterLevel(w, zlib.BestCompression)
			return z
		}))
	c.loaded[name] = f
	return f
}

func compressedWith(coding string, plain []byte, writer func(io.Writer) io.WriteCloser) encodedFile {
	var out bytes.Buffer
	z := writer(&out)
	_, _ = z.Write(plain) // a bytes.Buffer does not fail
	_ = z.Close()
	return encodedFile{coding, out.Bytes()}
}

func contentType(name string) string {
	if strings.HasSuffix(name, ".map") {
		return "application/json; charset=utf-8"
	}
	return "application/javascript; charset=utf-8"
}
