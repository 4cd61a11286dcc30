package live

import (
	"context"

	"parley/internal/chat"
)

type roomReadRequest struct {
	RoomID string `json:"roomId"`
	Seq    int64  `json:"seq"`
	Unread bool   `json:"unread"` // move back: what comes after seq counts as unread again
}

// wireReceipt is how far somebody has got in a room.
type wireReceipt struct {
	RoomID       string `json:"roomId"`
	UserID       string `json:"userId"`
	ReadSeq      int64  `json:"readSeq"` // 0 for somebody who does not tell
	DeliveredSeq int64  `json:"deliveredSeq"`
}

type roomReadReply struct {
	ok
	wireReceipt
	Unread   int `json:"unread"`   // left, counted up to 100
	Mentions int `json:"mentions"` // left, counted up to 100
	Badge    int `json:"badge"`    // how many of those that are left count
}

// roomRead tells how far the person has read.
func (d *Door) roomRead(ctx context.Context, c *client, in roomReadRequest) (roomReadReply, error) {
	a := *c.person()
	r, err := d.o.Chat.MarkRead(ctx, a, roomOrLobby(in.RoomID), in.Seq, in.Unread)
	if err != nil {
		return roomReadReply{}, err
	}
	at := wireReceipt{r.RoomID, r.UserID, r.ReadSeq, r.DeliveredSeq}
	if r.ReadSeq >= r.Head { // as nearly always: there is nothing to count
		return roomReadReply{ok: done, wireReceipt: at}, nil
	}
	mine, err := d.o.Chat.MyRoom(ctx, a, r.RoomID)
	return roomReadReply{done, at, mine.Unread, mine.Mentions, mine.Badge}, err
}

type roomDeliveredRequest struct {
	RoomID string `json:"roomId"`
	Seq    int64  `json:"seq"`
}

// roomDelivered tells how far the person's client has got.
func (d *Door) roomDelivered(ctx context.Context, c *client, in roomDeliveredRequest) (ok, error) {
	_, err := d.o.Chat.MarkDelivered(ctx, *c.person(), roomOrLobby(in.RoomID), in.Seq)
	return done, err
}

type receiptsReply struct {
	ok
	Receipts []wireReceipt `json:"receipts"`
}

// roomReceipts tells how far the members of a room have got, those who have read the most first, at most 1,000.
func (d *Door) roomReceipts(ctx context.Context, c *client, in roomRequest) (receiptsReply, error) {
	list, err := d.o.Chat.Receipts(ctx, *c.person(), roomOrLobby(in.RoomID))
	out := receiptsReply{ok: done, Receipts: []wireReceipt{}}
	for _, r := range list {
		out.Receipts = append(out.Receipts, wireReceipt{r.RoomID, r.UserID, r.ReadSeq, r.DeliveredSeq})
	}
	return out, err
}

// maxTold is how many members a room may have for receipts to be told as they come: in larger ones each would be told to all, and
// whoever wants to know asks.
const maxTold = 100

// deliverReceipt tells the person's other devices, and in small rooms the others. It may get lost: the next one says the same.
func (d *Door) deliverReceipt(r *chat.Receipt) {
	d.tellOwn(r)
	if r.Members == 0 || r.Members > maxTold || d.load.drops() {
		return
	}
	told := wireReceipt{r.RoomID, r.UserID, r.ReadSeq, r.DeliveredSeq}
	if r.Private {
		told.ReadSeq = 0
	}
	d.tellMembers(r.Mark, r.RoomID, r.UserID, "receipt", encode(told))
}

// tellOwn tells a person's devices where they are.
func (d *Door) tellOwn(r *chat.Receipt) {
	d.tellDevices(r.UserID, "room-read", encode(wireReceipt{r.RoomID, r.UserID, r.ReadSeq, r.DeliveredSeq}))
}
