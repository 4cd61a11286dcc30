package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// profile collects a CPU profile while a scenario runs, and returns a function that waits until it is written.
func (s *instance) profile(file string, d time.Duration) (wait func()) {
	done := make(chan error, 1)
	go func() {
		time.Sleep(d / 2) // the scenario opens its connections first
		done <- s.saveProfile(file, max(1, int(d.Seconds())-1))
	}()
	return func() {
		if err := <-done; err != nil {
			fmt.Fprintln(os.Stderr, "profile:", err)
		}
	}
}

func (s *instance) saveProfile(file string, seconds int) error {
	res, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/debug/pprof/profile?seconds=%d", s.port+1, seconds))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, res.Body)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func fileSafe(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
		return r
	}
	return '-'
}
