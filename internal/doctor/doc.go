// Package doctor looks at the surroundings of a server for what makes it slow, unsafe, or unable to work at all: the machine, the
// database, Redis, and the proxy before it. Each finding says what to do about it. It changes nothing: what it writes to try a disk or
// a database is gone afterwards.
package doctor
