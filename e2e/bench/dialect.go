package main

import (
	"bytes"
	"slices"
)

// dialect is how clients speak with a server that has another protocol than Socket.IO. All it can do is fan out.
type dialect struct {
	join    func(c *conn, buf []byte) error
	message []byte // what a client sends for everybody
	// event and ack stand once in each delivery and in each acknowledgement. Several of them may be in one frame.
	event, ack []byte
}

// centrifuge is the JSON protocol of the library of that name; a client that connects there is in the channel at once.
var centrifuge = &dialect{
	join: func(c *conn, buf []byte) error {
		if err := c.write([]byte(upgradeTo("/connection/websocket"))); err != nil {
			return err
		}
		if err := c.await(buf, "\r\n\r\n"); err != nil {
			return err
		}
		if err := c.write(clientFrame(`{"id":1,"connect":{}}`)); err != nil {
			return err
		}
		return c.await(buf, `"client":"`)
	},
	message: clientFrame(`{"id":7,"publish":{"channel":"chat","data":{"text":"` + ordinary + `"}}}`),
	event:   []byte(`"pub":{`),
	ack:     []byte(`"publish":{`),
}

// read counts what has come, wherever it is cut.
func (d *dialect) read(g *generator, c *conn, b []byte) {
	keep := max(len(d.event), len(d.ack)) - 1
	all := slices.Concat(c.tail, b)
	events, acks := bytes.Count(all, d.event)-bytes.Count(c.tail, d.event), bytes.Count(all, d.ack)-bytes.Count(c.tail, d.ack)
	c.tail = slices.Clone(all[max(0, len(all)-keep):])
	g.events += events
	g.acks += acks
	for range acks {
		g.onAck(c)
	}
}
