package transfer

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// The bounds of an archive.
const (
	maxEntries  = 1_000_000
	maxDocument = 256 << 20 // bytes of one JSON document in it, uncompressed
	maxFile     = 512 << 20 // bytes of one file that came with a message
)

// files is an archive's content, in a ZIP file or a folder. Names have forward slashes.
type files struct {
	closer io.Closer
	byName map[string]func() (io.ReadCloser, error)
	names  []string // in the archive's order
}

func openFiles(name string) (*files, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, fmt.Errorf("transfer: %w", err)
	}
	if info.IsDir() {
		return openFolder(name)
	}
	z, err := zip.OpenReader(name)
	if err != nil {
		return nil, fmt.Errorf("transfer: %s is no ZIP archive: %w", name, err)
	}
	if len(z.File) > maxEntries {
		return nil, errors.Join(errors.New("transfer: the archive has too many entries"), z.Close())
	}
	f := &files{closer: z, byName: map[string]func() (io.ReadCloser, error){}}
	for _, entry := range z.File {
		if !strings.HasSuffix(entry.Name, "/") {
			f.add(entry.Name, entry.Open)
		}
	}
	return f, nil
}

// openFolder reads below a folder only: a link that leads out of it cannot be opened.
func openFolder(name string) (*files, error) {
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("transfer: %w", err)
	}
	f := &files{closer: root, byName: map[string]func() (io.ReadCloser, error){}}
	err = walk(root, ".", func(p string) { f.add(p, func() (io.ReadCloser, error) { return root.Open(p) }) })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("transfer: %w", err), root.Close())
	}
	return f, nil
}

func walk(root *os.Root, dir string, found func(string)) error {
	d, err := root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it was only read
	entries, err := d.ReadDir(maxEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if err := walk(root, p, found); err != nil {
				return err
			}
		case e.Type().IsRegular():
			found(p)
		}
	}
	return nil
}

func (f *files) add(name string, open func() (io.ReadCloser, error)) {
	name = strings.TrimPrefix(strings.ReplaceAll(name, `\`, "/"), "./")
	if f.byName[name] == nil {
		f.byName[name] = open
		f.names = append(f.names, name)
	}
}

func (f *files) has(name string) bool { return f.byName[name] != nil }

// open opens an entry that is to have so many bytes at most.
func (f *files) open(name string, most int64) (io.ReadCloser, error) {
	open := f.byName[name]
	if open == nil {
		return nil, fmt.Errorf("transfer: the archive has no %q", name)
	}
	r, err := open()
	if err != nil {
		return nil, fmt.Errorf("transfer: %q: %w", name, err)
	}
	return &bounded{r, name, most}, nil
}

// bounded fails when an entry is larger than it may be, whatever the archive says of its size.
type bounded struct {
	io.ReadCloser

	name string
	left int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("transfer: %q is too large", b.name)
	}
	return n, err
}

// list decodes a JSON list, one element at a time.
func list[T any](f *files, name string, each func(T) error) error {
	r, err := f.open(name, maxDocument)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	d := json.NewDecoder(r)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("transfer: %q is no JSON list", name)
	}
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			return fmt.Errorf("transfer: %q: %w", name, err)
		}
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}

// document decodes one JSON document.
func document(f *files, name string, v any) error {
	r, err := f.open(name, maxDocument)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read
	if err := json.NewDecoder(r).Decode(v); err != nil {
		return fmt.Errorf("transfer: %q: %w", name, err)
	}
	return nil
}
