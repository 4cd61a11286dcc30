// Package load is the load tester behind "parley bench": it connects people to a server as real Socket.IO clients do, lets them talk,
// type, read and lose their connections, and measures what they see. It knows the server by its protocol only.
//
// It also checks: over each connection a room's entries come in the order of its log without gaps, everybody sees the same entry at
// the same place, and what was acknowledged is there in the end, once. Messages are sent at the times of a schedule, whether the
// server keeps up or not, and latencies count from there.
package load
