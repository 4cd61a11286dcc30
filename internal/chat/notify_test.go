package chat_test

import (
	"testing"
	"time"

	"parley/internal/chat"
)

// What would tell whom how: one table for badges, push and mail alike.
func TestNotify(t *testing.T) {
	noon := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	plain := func(change func(*chat.Notification)) chat.Notification {
		n := chat.Notification{
			Message: &chat.Message{ID: "m", Seq: 10, SenderID: "ana", Text: "The café opens at eight"}, Kind: chat.Public, UserID: "ben", ReadSeq: 5, Now: noon,
			Attention: chat.Attention{Away: time.Minute},
		}
		change(&n)
		return n
	}
	mention := func(n *chat.Notification) { n.Message.Mentions = &chat.Mentions{UserIDs: []string{"cleo", "ben"}} }
	direct := func(n *chat.Notification) { n.Kind = chat.Direct }
	both := func(changes ...func(*chat.Notification)) func(*chat.Notification) {
		return func(n *chat.Notification) {
			for _, c := range changes {
				c(n)
			}
		}
	}
	level := func(l chat.Level) func(*chat.Notification) { return func(n *chat.Notification) { n.Room.Level = l } }
	muted := func(n *chat.Notification) { n.Room.MutedUntil = "2026-01-15T12:30:00Z" }
	looking := func(n *chat.Notification) { n.Attention = chat.Attention{Connected: true, Looking: true} }
	idle := func(n *chat.Notification) { n.Attention = chat.Attention{Connected: true} }
	quiet := func(from, to string) func(*chat.Notification) {
		return func(n *chat.Notification) { n.All.QuietFrom, n.All.QuietTo = from, to }
	}
	for name, tc := range map[string]struct {
		change func(*chat.Notification)
		want   chat.Notice
	}{
		"a room, by default only what addresses one": {func(*chat.Notification) {}, chat.NoNotice},
		"a mention":                       {mention, chat.Badge | chat.Push},
		"everybody":                       {func(n *chat.Notification) { n.Message.Mentions = &chat.Mentions{All: true} }, chat.Badge | chat.Push},
		"those who are here, away":        {func(n *chat.Notification) { n.Message.Mentions = &chat.Mentions{Here: true} }, chat.NoNotice},
		"those who are here, here":        {both(looking, func(n *chat.Notification) { n.Message.Mentions = &chat.Mentions{Here: true} }), chat.Badge | chat.Sound},
		"an answer":                       {func(n *chat.Notification) { n.Message.ReplyTo = &chat.Quote{SenderID: "ben"} }, chat.Badge | chat.Push},
		"a keyword, whatever its accents": {func(n *chat.Notification) { n.All.Keywords = []string{"CAFE"} }, chat.Badge | chat.Push},
		"two words in a row":              {func(n *chat.Notification) { n.All.Keywords = []string{"opens at"} }, chat.Badge | chat.Push},
		"a part of a word is none":        {func(n *chat.Notification) { n.All.Keywords = []string{"caf", "at open"} }, chat.NoNotice},
		"a direct message":                {direct, chat.Badge | chat.Push},
		"a group":                         {func(n *chat.Notification) { n.Kind = chat.Group }, chat.Badge | chat.Push},
		"a thread one follows":            {func(n *chat.Notification) { n.Kind, n.Following = chat.ThreadRoom, true }, chat.Badge | chat.Push},
		"a thread one does not follow":    {func(n *chat.Notification) { n.Kind = chat.ThreadRoom }, chat.NoNotice},
		"but that calls one":              {both(mention, func(n *chat.Notification) { n.Kind = chat.ThreadRoom }), chat.Badge | chat.Push},
		"one's own":                       {both(direct, func(n *chat.Notification) { n.UserID = "ana" }), chat.NoNotice},
		"read already":                    {both(direct, func(n *chat.Notification) { n.ReadSeq = 10 }), chat.NoNotice},
		"deleted":                         {both(direct, func(n *chat.Notification) { n.Message.DeletedAt = noon }), chat.NoNotice},
		"of somebody blocked":             {both(mention, func(n *chat.Notification) { n.Blocked = true }), chat.NoNotice},
		"level all":                       {level(chat.LevelAll), chat.Badge | chat.Push},
		"one's own default, all":          {func(n *chat.Notification) { n.All.Level = chat.LevelAll }, chat.Badge | chat.Push},
		"one's own default, none":         {both(mention, func(n *chat.Notification) { n.All.Level = chat.LevelNone }), chat.NoNotice},
		"the room's level comes first":    {both(level(chat.LevelMentions), func(n *chat.Notification) { n.All.Level = chat.LevelAll }), chat.NoNotice},
		"level mentions, directly":        {both(direct, level(chat.LevelMentions)), chat.NoNotice},
		"level none, a mention":           {both(mention, level(chat.LevelNone)), chat.NoNotice},
		"muted":                           {both(level(chat.LevelAll), muted), chat.NoNotice},
		"muted, a mention only counts":    {both(mention, muted), chat.Badge},
		"muted until before":              {both(mention, func(n *chat.Notification) { n.Room.MutedUntil = "2026-01-15T12:00:00Z" }), chat.Badge | chat.Push},
		"looking at the room":             {both(direct, looking, func(n *chat.Notification) { n.Attention.InRoom = true }), chat.NoNotice},
		"at the desk":                     {both(direct, looking), chat.Badge | chat.Sound},
		"connected, looking elsewhere":    {both(direct, idle), chat.Badge | chat.Sound | chat.Push},
		"the room open, nobody looking":   {both(direct, idle, func(n *chat.Notification) { n.Attention.InRoom = true }), chat.Badge | chat.Sound | chat.Push},
		"not to be disturbed":             {both(direct, looking, func(n *chat.Notification) { n.Attention.Dnd = true }), chat.Badge},
		"quiet hours":                     {both(mention, quiet("11:00", "13:00")), chat.Badge},
		"before quiet hours":              {both(mention, quiet("12:01", "13:00")), chat.Badge | chat.Push},
		"quiet hours are over":            {both(mention, quiet("11:00", "12:00")), chat.Badge | chat.Push},
		"over midnight, at noon":          {both(mention, quiet("22:00", "07:00")), chat.Badge | chat.Push},
		"over midnight, in Auckland":      {both(mention, quiet("22:00", "07:00"), func(n *chat.Notification) { n.TimeZone = "Pacific/Auckland" }), chat.Badge},
		"quiet the whole day is not":      {both(mention, quiet("07:00", "07:00")), chat.Badge | chat.Push},
		"long gone, called":               {both(mention, func(n *chat.Notification) { n.Attention.Away = time.Hour }), chat.Badge | chat.Push | chat.Mail},
		"long gone, not called":           {both(direct, func(n *chat.Notification) { n.Attention.Away = time.Hour }), chat.Badge | chat.Push},
		"long gone, quiet hours":          {both(mention, quiet("11:00", "13:00"), func(n *chat.Notification) { n.Attention.Away = time.Hour }), chat.Badge},
	} {
		if got := chat.Notify(plain(tc.change)); got != tc.want {
			t.Errorf("%s: %04b, want %04b", name, got, tc.want)
		}
	}
}
