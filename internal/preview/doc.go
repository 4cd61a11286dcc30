// Package preview fetches what a page that somebody links to says of itself: its title, a description, a picture.
//
// The address comes from anybody, so the server must not become their way into its own network: only http and https, only ports 80 and
// 443, and whatever a name resolves to is checked when the connection is made, on every hop, so that neither redirects nor a name that
// changes its mind lead inside. Time, size and redirects are bounded; nothing of the page but text and pixels that were drawn anew comes out.
package preview
