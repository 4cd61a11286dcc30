// Package push tells devices that are not connected of messages, by Web Push (RFC 8030, 8291, 8292): each notice is encrypted for its device,
// signed with the server's key, and a job, so that it outlives a service that is away.
//
// Who is told is decided by [chat.Notify], when a message has been committed and again when its notice is sent: what was read, deleted or
// closed to somebody meanwhile is not sent. [Push.Heard] never blocks, and may be called by several at once.
package push
