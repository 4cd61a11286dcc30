package cli

import (
	"database/sql"
	"fmt"
	"testing"

	"parley/internal/db/dbtest"
)

// A database that has lost the end of what it had committed, as one does that fails over to a copy that was behind, is noticed: those who have
// heard what is gone are sent away to begin anew, whether other entries stand in its place already or not. Nobody else is.
func TestALogThatHasLostItsEnd(t *testing.T) {
	o := dbtest.NewPostgres(t)
	s := start(t, "--rate-limit=off", "--database-url="+o.URL)
	back, err := sql.Open("pgx", o.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = back.Close() })
	owner, _ := s.account("owner")
	room := func(name string) (*person, reply, string) {
		t.Helper()
		p, is := s.account(name)
		id := owner.must("room-create", reply{"name": "of " + name, "kind": "private", "members": []any{is["userId"]}})["roomId"].(string)
		p.heard("room-added", id)
		return p, is, id
	}
	ana, anaIs, short := room("ana")
	ben, benIs, other := room("ben")
	cara, _, whole := room("cara")
	for _, id := range []string{short, other, whole} {
		for i := range 5 {
			owner.must("chat-message", reply{"roomId": id, "text": fmt.Sprint("no. ", i)})
		}
	}
	for _, p := range []*person{ana, ben, cara} {
		p.heard("new-message", "no. 4")
	}
	owner.Close()
	for _, id := range []string{short, other} {
		for _, text := range []string{
			`DELETE FROM log WHERE room_id = $1 AND seq > (SELECT last_seq - 2 FROM rooms WHERE id = $1)`,
			`UPDATE rooms SET last_seq = last_seq - 2 WHERE id = $1`,
		} {
			if _, err := back.Exec(text, id); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 3 {
		ben.must("chat-message", reply{"roomId": other, "text": fmt.Sprint("instead ", i)})
	}
	for p, is := range map[*person]reply{ana: anaIs, ben: benIs} {
		p.heard("server-restarting", "retryAfter")
		p.gone()
		again := s.dial(reply{"token": is["token"]})
		again.must("user-join", reply{})
		id := map[*person]string{ana: short, ben: other}[p]
		if n := again.must("chat-message", reply{"roomId": id, "text": "as before"})["seq"]; n != map[*person]float64{ana: 7, ben: 10}[p] {
			t.Errorf("seq %v", n)
		}
		again.heard("new-message", "as before")
	}
	cara.must("chat-message", reply{"roomId": whole, "text": "undisturbed"})
	cara.heard("new-message", "undisturbed")
	if n := cara.count("server-restarting"); n != 0 {
		t.Error("sent away with the others")
	}
}
