package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"parley/internal/chat"
	"parley/internal/config"
	"parley/internal/db"
	"parley/internal/transfer"
)

// importArgs are those of import.
type importArgs struct {
	config.Database
	From       string `arg:"" enum:"slack,mattermost,discord" help:"The other system: slack, mattermost or discord."`
	Archive    string `arg:"" help:"Its archive: a ZIP file or a folder."`
	SamePeople bool   `help:"Take accounts with the same name for the same people. Otherwise they get new ones."`
}

// exportArgs are those of export.
type exportArgs struct {
	config.Database
	Dir    string `arg:"" help:"Folder that the export is written into. One that was interrupted goes on where it was."`
	Person string `help:"Name of an account: only what is about them."`
}

// keptDir is where files that came with imported messages are kept, below the data folder.
func keptDir(data string) string { return filepath.Join(data, "kept-files") }

// importArchive brings in an archive of another system, while the server runs or not.
func importArchive(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var in importArgs
	what := "Bring in people, rooms and messages from another system. After an interruption call it again: it goes on where it was."
	if code, ok := parseVerb("parley import", what, &in, args, stdout, stderr); !ok {
		return code
	}
	open := map[string]func(string) (transfer.Source, error){
		"slack": transfer.OpenSlack, "mattermost": transfer.OpenMattermost, "discord": transfer.OpenDiscord,
	}[in.From]
	source, err := open(in.Archive)
	if err != nil {
		return fail(stderr, 1, err)
	}
	defer func() { _ = source.Close() }() // it was only read
	counts, err := in.run(ctx, source, stderr)
	_, _ = fmt.Fprintf(stdout, "people %d, rooms %d, threads %d, messages %d, reactions %d, files %d; here already: %d messages\n",
		counts.People, counts.Rooms, counts.Threads, counts.Messages, counts.Reactions, counts.Files, counts.Known)
	for _, what := range slices.Sorted(maps.Keys(counts.Skipped)) {
		_, _ = fmt.Fprintf(stdout, "left out: %s %d\n", what, counts.Skipped[what])
	}
	if err != nil {
		return fail(stderr, 1, err)
	}
	return 0
}

func (in importArgs) run(ctx context.Context, source transfer.Source, stderr io.Writer) (transfer.Counts, error) {
	d, err := db.Open(ctx, db.Options{URL: in.URL, Dir: in.Data})
	if err != nil {
		return transfer.Counts{}, err
	}
	c, err := chat.New(ctx, chat.Options{DB: d})
	if err != nil {
		return transfer.Counts{}, errors.Join(err, d.Close())
	}
	said := time.Now()
	counts, err := transfer.Import(ctx, source, transfer.ImportOptions{
		Chat: c, FilesDir: keptDir(in.Data), SamePeople: in.SamePeople, Progress: func(n transfer.Counts) {
			if time.Since(said) > time.Second {
				said = time.Now()
				_, _ = fmt.Fprintf(stderr, "%d messages\n", n.Messages+n.Known)
			}
		},
	})
	c.Close()
	return counts, errors.Join(err, d.Close())
}

// export writes all data, or a person's, for other programs to read.
func export(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var in exportArgs
	if code, ok := parseVerb("parley export", "Write all data as JSON lines, without secrets. The server may run meanwhile.", &in, args, stdout, stderr); !ok {
		return code
	}
	d, err := db.Open(ctx, db.Options{URL: in.URL, Dir: in.Data})
	if err != nil {
		return fail(stderr, 1, err)
	}
	err = in.run(ctx, d, stdout)
	if err = errors.Join(err, d.Close()); err != nil {
		return fail(stderr, 1, err)
	}
	return 0
}

func (in exportArgs) run(ctx context.Context, d *db.DB, stdout io.Writer) error {
	o := transfer.ExportOptions{
		DB: d, Dir: in.Dir, FilesDir: keptDir(in.Data), Version: Version,
		Progress: func(table string, rows int64) { _, _ = fmt.Fprintf(stdout, "%-16s %d rows\n", table, rows) },
	}
	if in.Person != "" {
		if err := d.QueryRow(ctx, `SELECT id FROM users WHERE login = $1`, in.Person).Scan(&o.PersonID); db.IsNotFound(err) {
			return errors.New("no such account: " + in.Person)
		} else if err != nil {
			return err
		}
	}
	m, err := transfer.Export(ctx, o)
	if err == nil {
		_, _ = fmt.Fprintf(stdout, "%-16s %d\n", "files", m.Files)
	}
	return err
}
