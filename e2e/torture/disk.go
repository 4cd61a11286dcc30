package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// disk is a small file system of the database's own.
type disk struct{ dir string }

// mountDisk makes one of so many bytes, in memory. Only root may.
func mountDisk(size int64) (*disk, error) {
	dir, err := os.MkdirTemp("", "parley-disk-")
	if err != nil {
		return nil, err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=755", size)); err != nil {
		return nil, errors.Join(fmt.Errorf("a small file system cannot be mounted: %w", err), os.Remove(dir))
	}
	return &disk{dir}, nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no room on it.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.ballast(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for {
		if _, err := f.Write(block); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				return errors.Join(err, f.Close())
			}
			if len(block) == 4096 {
				return f.Close()
			}
			block = block[:4096]
		}
	}
}

// clear makes room again.
func (d *disk) clear() error { return os.Remove(d.ballast()) }

func (d *disk) unmount() {
	_ = syscall.Unmount(d.dir, syscall.MNT_DETACH) // nobody has a file of it open any more
	_ = os.Remove(d.dir)
}
