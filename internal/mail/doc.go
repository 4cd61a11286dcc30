// Package mail writes the letters that the server sends, and hands them to an SMTP server.
//
// Each letter is a job, so that one which cannot be sent now is sent later, also by another process. It is written when it is sent: it tells
// only what its reader may know then, and the links in it are valid from then on. A crash between sending and noting it sends a letter
// again, under the same Message-ID.
package mail
