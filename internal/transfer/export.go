package transfer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"parley/internal/db"
)

// ExportOptions says what is written where.
type ExportOptions struct {
	DB *db.DB
	// Dir is the folder that the export is written into. One that was interrupted goes on where it was.
	Dir string
	// PersonID limits the export to what is about one person.
	PersonID string
	// FilesDir is where files that came with imported messages are kept.
	FilesDir string
	// Version is this program's.
	Version string
	// Progress is called when a table is written; it may be nil.
	Progress func(table string, rows int64)
}

// Manifest is the last file of an export: an export without it is not whole.
type Manifest struct {
	Format   int              `json:"format"`
	Version  string           `json:"version"`
	At       time.Time        `json:"at"`
	PersonID string           `json:"personId,omitempty"`
	Tables   map[string]int64 `json:"tables"` // rows
	Files    int              `json:"files"`
}

const (
	manifestName = "manifest.json"
	exportFormat = 1
)

// ErrExported says that a folder has a whole export already.
var ErrExported = errors.New("transfer: there is a whole export already")

// Export writes a server's data, or a person's, as JSON lines: a file a table, an object a row, and the files beside. Secrets stay here.
func Export(ctx context.Context, o ExportOptions) (Manifest, error) {
	m := Manifest{Format: exportFormat, Version: o.Version, At: time.Now().UTC(), PersonID: o.PersonID, Tables: map[string]int64{}}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return m, fmt.Errorf("transfer: %w", err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, manifestName)); err == nil {
		return m, fmt.Errorf("%w: %s", ErrExported, o.Dir)
	}
	snapshot, err := o.DB.Snapshot(ctx)
	if err != nil {
		return m, err
	}
	defer snapshot.Close()
	names, err := o.DB.Tables(ctx)
	if err != nil {
		return m, err
	}
	var files []string
	for _, name := range names {
		t, known := tables[name]
		if !known || t.never || o.PersonID != "" && t.person == "" {
			continue
		}
		rows, err := o.table(ctx, snapshot, name, t, func(row map[string]any) {
			if stored, _ := row["stored"].(string); name == "kept_files" && stored != "" && !slices.Contains(files, stored) {
				files = append(files, stored)
			}
		})
		if err != nil {
			return m, err
		}
		m.Tables[name] = rows
		if o.Progress != nil {
			o.Progress(name, rows)
		}
	}
	if m.Files, err = o.copyFiles(ctx, files); err != nil {
		return m, err
	}
	return m, o.write(manifestName, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(m)
	})
}

// table writes a table, unless it was written before the export was interrupted, and counts its rows.
func (o ExportOptions) table(ctx context.Context, s *db.Snapshot, name string, t exported, seen func(map[string]any)) (rows int64, err error) {
	file := name + ".jsonl"
	if rows, err = o.written(file, seen); err == nil {
		return rows, nil
	}
	rows = 0
	where, args := "", []any(nil)
	if o.PersonID != "" {
		where, args = t.person, []any{o.PersonID}
	}
	err = o.write(file, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return s.Dump(ctx, name, where, args, func(row map[string]any) error {
			rows++
			seen(row)
			for _, c := range t.hidden {
				delete(row, c)
			}
			for c, v := range row {
				if n, ok := v.(int64); ok && isTime(c) {
					row[c] = time.UnixMicro(n).UTC()
				}
			}
			return e.Encode(row)
		})
	})
	return rows, err
}

// written reads a table that was written before.
func (o ExportOptions) written(file string, seen func(map[string]any)) (rows int64, err error) {
	f, err := os.Open(filepath.Join(o.Dir, file))
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }() // it was only read
	d := json.NewDecoder(bufio.NewReader(f))
	for {
		var row map[string]any
		if err := d.Decode(&row); errors.Is(err, io.EOF) {
			return rows, nil
		} else if err != nil {
			return 0, err
		}
		rows++
		seen(row)
	}
}

// write writes a file whole or not at all.
func (o ExportOptions) write(name string, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(o.Dir, ".part-*")
	if err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it has another name by then, if all went well
	w := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(fill(w), w.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(o.Dir, name)); err != nil {
		return fmt.Errorf("transfer: %w", err)
	}
	return nil
}

// copyFiles copies kept files that are not in the export yet.
func (o ExportOptions) copyFiles(ctx context.Context, names []string) (n int, err error) {
	if len(names) == 0 {
		return 0, nil
	}
	out := o
	out.Dir = filepath.Join(o.Dir, "files")
	if err := os.MkdirAll(out.Dir, 0o700); err != nil {
		return 0, fmt.Errorf("transfer: %w", err)
	}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if _, err := os.Stat(filepath.Join(out.Dir, name)); err == nil {
			n++
			continue
		}
		err := out.write(name, func(w io.Writer) error {
			f, err := os.Open(filepath.Join(o.FilesDir, name))
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }() // it was only read
			_, err = io.Copy(w, f)
			return err
		})
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
