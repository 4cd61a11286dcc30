package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

func (e *examination) machine() {
	e.openFiles()
	if e.embedded() {
		e.disk()
	}
}

// embedded reports whether the database is a file.
func (e *examination) embedded() bool {
	return e.DatabaseURL == "" || strings.HasPrefix(e.DatabaseURL, "sqlite:")
}

// folder is where the database's file is.
func (e *examination) folder() string {
	if file, ok := strings.CutPrefix(e.DatabaseURL, "sqlite:"); ok {
		return filepath.Dir(strings.TrimPrefix(file, "//"))
	}
	return e.Data
}

// fewFiles is how many open files are too few, and manyFiles how many are enough for a node that is worth its processor.
const (
	fewFiles  = 1024
	manyFiles = 65_536
)

func (e *examination) openFiles() {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		e.warn("open files", "the limit cannot be read: "+err.Error(), "")
		return
	}
	says := fmt.Sprintf("%d at most: each connection is one", limit.Max)
	mend := "raise it: LimitNOFILE=1048576 in the systemd unit, ulimits in compose, or ulimit -Hn in the shell"
	switch {
	case limit.Max < fewFiles:
		e.wrong("open files", says, mend)
	case limit.Max < manyFiles:
		e.warn("open files", says, mend)
	default:
		e.ok("open files", says)
	}
}

// fileSystems that a database must not be on, or hardly.
var fileSystems = map[int64]Finding{
	unix.TMPFS_MAGIC:           {Warning, "disk", "the data is in memory (tmpfs): all is gone after a restart of the machine", "put PARLEY_DATA on a disk"},
	unix.OVERLAYFS_SUPER_MAGIC: {Warning, "disk", "the data is inside of the container: all is gone with it", "mount a volume at PARLEY_DATA"},
	unix.NFS_SUPER_MAGIC:       {Error, "disk", "the data is on NFS, whose locks SQLite cannot rely on", "use a local disk, or Postgres (DATABASE_URL)"},
}

const (
	diskFull  = 256 << 20
	diskTight = 2 << 30
)

func (e *examination) disk() {
	dir, err := existing(e.folder())
	if err != nil {
		e.wrong("disk", err.Error(), "set PARLEY_DATA to a folder")
		return
	}
	var at unix.Statfs_t
	if err := unix.Statfs(dir, &at); err != nil {
		e.wrong("disk", dir+": "+err.Error(), "")
		return
	}
	if f, known := fileSystems[int64(at.Type)]; known { //nolint:unconvert // its type differs between platforms
		e.told(f)
	}
	free := at.Bavail * uint64(at.Bsize) //nolint:gosec // a block has a size
	says := fmt.Sprintf("%.1f GiB free at %s", float64(free)/(1<<30), dir)
	switch mend := "make room, or move PARLEY_DATA: when the disk is full nothing can be sent"; {
	case free < diskFull:
		e.wrong("disk", says, mend)
	case free < diskTight:
		e.warn("disk", says, mend)
	default:
		e.ok("disk", says)
	}
	e.fsync(dir)
}

// existing is the folder, or the nearest one above it that is there: the server makes the rest.
func existing(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	for err == nil {
		info, statErr := os.Stat(dir)
		switch {
		case statErr == nil && info.IsDir():
			return dir, nil
		case statErr == nil:
			return "", fmt.Errorf("%s is no folder", dir)
		case !errors.Is(statErr, fs.ErrNotExist):
			return "", statErr
		}
		dir = filepath.Dir(dir)
	}
	return "", err
}

// fsync measures what every commit waits for.
func (e *examination) fsync(dir string) {
	f, err := os.CreateTemp(dir, ".parley-doctor-*")
	if err != nil {
		e.wrong("disk", "nothing can be written at "+dir+": "+err.Error(), "give the folder to the user that the server runs as (chown), and mount it writable")
		return
	}
	defer func() { _, _ = f.Close(), os.Remove(f.Name()) }()
	page := make([]byte, 4096)
	took, err := median(15, func() error {
		if _, err := f.Write(page); err != nil {
			return err
		}
		return f.Sync()
	})
	if err != nil {
		e.wrong("fsync", err.Error(), "the disk does not take what is written: look at the kernel's log")
		return
	}
	says := fmt.Sprintf("a write reaches the disk in %v (median): every commit waits for one", took.Round(10*time.Microsecond))
	level := graded(took, 20*time.Millisecond, 500*time.Millisecond)
	e.judge(level, Finding{About: "fsync", Says: says, Mend: mendIf(level != OK, "use a local SSD: network disks and memory cards make sending slow")})
}

func (e *examination) settings() {
	for _, o := range e.AllowedOrigins {
		if o == "*" {
			e.warn("origins", "ALLOWED_ORIGINS=*: pages of every site may connect", "name the sites, as https://chat.example.com")
		}
	}
	for _, p := range e.Proxies {
		if p.Bits() < 8 {
			e.wrong("trusted proxies", fmt.Sprintf("PARLEY_TRUSTED_PROXIES has %v: anybody can pretend to be from anywhere, and no limit by address holds", p),
				"name the proxy's own address or network alone")
		}
	}
	if !e.RateLimited {
		e.warn("rate limits", "PARLEY_RATE_LIMIT=off: nobody is held back", "that is for load tests: take it away")
	}
	if e.RedisURL != "" && !e.SecretKey {
		e.warn("secret key", "several nodes, and PARLEY_SECRET_KEY is not set: each has a key of its own, and cannot read what another has sealed",
			"set it to the same on all nodes: openssl rand -base64 32, or what the first one has in secret.key")
	}
	if host, _, err := net.SplitHostPort(e.AdminAddr); err == nil && e.AdminAddr != "" {
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			e.warn("admin address", "PARLEY_ADMIN_ADDR="+e.AdminAddr+": whoever reaches it reads profiles, without a password", "listen on 127.0.0.1, or let a firewall keep others out")
		}
	}
}
