//go:build !(linux && (amd64 || arm64))

package engineio

import (
	"errors"
	"net"
)

// Elsewhere than on Linux every connection has a goroutine that reads, and package net does the work.

const (
	eventOut = 0
	eventEnd = 0
)

var errAgain, errNoSockets = errors.New("engineio: socket is not ready"), errors.ErrUnsupported

type socket struct{ fd int32 }

func takeSocket(*net.TCPConn) (socket, error) { return socket{}, errNoSockets }

func (socket) read([]byte) (int, error)  { return 0, errNoSockets }
func (socket) write([]byte) (int, error) { return 0, errNoSockets }
func (socket) shutdown()                 {}
func (socket) close()                    {}

type poller struct{ found int }

func newPoller() *poller { return nil }

func (*poller) watch(socket) error                 { return errNoSockets }
func (*poller) wantWrite(socket, bool) error       { return errNoSockets }
func (*poller) look() error                        { return errNoSockets }
func (*poller) wait() error                        { return errNoSockets }
func (*poller) each(func(fd int32, events uint32)) {}
func (*poller) close()                             {}
