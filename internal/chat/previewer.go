package chat

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"parley/internal/db"
	"parley/internal/markdown"
)

const (
	previewWorkers  = 8                // messages whose links are asked at once
	previewQueue    = 256              // messages that wait; what comes then goes without
	previewsOfOne   = 4                // messages of one person that wait or are worked at: slow pages are theirs, not everybody's
	previewTimeout  = 15 * time.Second // of one message
	previewKept     = 24 * time.Hour   // how long a page is not asked again
	previewRetry    = 10 * time.Minute // the same of one that said nothing
	previewSweep    = time.Hour        // how often what nobody shows any more is removed
	previewLost     = 10 * time.Minute // how long before the log's end a message may have waited for its previews when the server ended
	previewLook     = 10_000           // entries at the log's end that are looked through for such messages
	maxPreviewedURL = 2048             // bytes
)

// Page is what a page says of itself.
type Page struct {
	Title, Description, Site string
	JPEG                     []byte // its picture; nil: none
	Width, Height            int    // of the picture, in pixels
}

// previewer asks the pages that messages link to what they are, and has the messages show it. A message does not wait for it: it has
// no previews at first, and none at all when there is too much to do. What was not asked yet when the server ended is asked at its next start.
type previewer struct {
	chat  *Chat
	fetch func(ctx context.Context, url string) (*Page, error)
	queue chan linked
	work  sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]int // by sender
}

// linked is a message with links.
type linked struct{ room, message, sender, text string }

func newPreviewer(c *Chat, fetch func(context.Context, string) (*Page, error)) *previewer {
	return &previewer{chat: c, fetch: fetch, queue: make(chan linked, previewQueue), waiting: map[string]int{}}
}

func (p *previewer) start() {
	ctx, cancel := context.WithCancel(context.Background())
	for range previewWorkers {
		p.work.Go(func() { p.loop(ctx) })
	}
	p.work.Go(func() { _ = p.resume(ctx) }) // those messages go without, then
	p.work.Go(func() { p.sweepLoop() })
	p.work.Go(func() { <-p.chat.stopping; cancel() })
}

func (p *previewer) wait() {
	if p != nil {
		p.work.Wait()
	}
}

// changed takes notice of an entry. It runs while others wait for their answers, so that the text is only glanced at.
func (p *previewer) changed(e *Entry) {
	if p == nil || e.Kind != KindMessage && e.Kind != KindEdit || e.Message == nil || !strings.Contains(e.Message.Text, "://") {
		return
	}
	p.offer(linked{e.RoomID, e.Message.ID, e.ActorID, e.Message.Text})
}

func (p *previewer) offer(l linked) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[l.sender] >= previewsOfOne {
		return
	}
	select {
	case p.queue <- l:
		p.waiting[l.sender]++
	default:
	}
}

// resume offers the messages again that may have waited when the server ended, the newest first: of each sender as many as may have waited.
func (p *previewer) resume(ctx context.Context) error {
	rows, err := p.chat.db.Query(ctx, `SELECT m.room_id, m.id, m.actor_id, m.text, m.data FROM (SELECT * FROM log ORDER BY id DESC LIMIT $1) l
		JOIN log m ON m.id = CASE WHEN l.kind = 'edit' THEN l.target_id ELSE l.id END
		WHERE l.kind IN ('message', 'edit') AND m.text LIKE '%://%' AND (m.client_id IS NULL OR m.client_id NOT LIKE '`+importedID+`%')
		AND l.created_at > (SELECT created_at FROM log ORDER BY id DESC LIMIT 1) - CAST($2 AS BIGINT) ORDER BY l.id DESC LIMIT $3`,
		previewLook, previewLost.Microseconds(), previewQueue)
	_, err = db.Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error {
		var l linked
		var text string
		if err := rows.Scan(&l.room, &l.message, &l.sender, &l.text, &text); err != nil {
			return err
		}
		data, err := decodeData(text)
		if err == nil && !data.Previews.cover(p.chat.linksOf(l.text)) {
			p.offer(l)
		}
		return err
	})
	return err
}

// linksOf are the links of a text that get previews.
func (c *Chat) linksOf(text string) []string {
	links := markdown.Links(text)
	return links[:min(len(links), c.limits.Previews)]
}

func (p *previewer) loop(ctx context.Context) {
	for {
		select {
		case l := <-p.queue:
			one, cancel := context.WithTimeout(ctx, previewTimeout)
			_ = p.preview(one, l) // then it shows none
			cancel()
			p.mu.Lock()
			if p.waiting[l.sender]--; p.waiting[l.sender] == 0 {
				delete(p.waiting, l.sender)
			}
			p.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// preview asks the pages of a message's links at once.
func (p *previewer) preview(ctx context.Context, l linked) error {
	if wanted, err := previewsWanted(ctx, p.chat.db, l.room); err != nil || !wanted {
		return err
	}
	links := p.chat.linksOf(l.text)
	pages := make([]*Preview, len(links))
	var asking sync.WaitGroup
	for i, url := range links {
		asking.Go(func() { pages[i] = p.page(ctx, url) })
	}
	asking.Wait()
	var found []Preview
	for _, page := range pages {
		if page != nil {
			found = append(found, *page)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return p.chat.showPreviews(ctx, l, found)
}

// page is what a page says of itself, as it was asked lately; nil when it says nothing.
func (p *previewer) page(ctx context.Context, url string) *Preview {
	address, _, _ := strings.Cut(url, "#")
	if len(address) > maxPreviewedURL {
		return nil
	}
	known, ok := p.known(ctx, address)
	if !ok {
		page, err := p.fetch(ctx, address)
		if err != nil && (AsError(err).Kind == Unavailable || ctx.Err() != nil) { // it says nothing about the page
			return nil
		}
		if err != nil {
			page = nil
		}
		if known, err = p.keep(ctx, address, page); err != nil {
			return nil
		}
	}
	if known != nil {
		known.URL = url
	}
	return known
}

// known is what was found the last time, if that is not too long ago.
func (p *previewer) known(ctx context.Context, address string) (page *Preview, ok bool) {
	var data string
	var at int64
	if err := p.chat.db.QueryRow(ctx, `SELECT data, fetched_at FROM previews WHERE url = $1`, address).Scan(&data, &at); err != nil {
		return nil, false
	}
	age := p.chat.now().Sub(fromMicros(at))
	if data == "" {
		return nil, age < previewRetry
	}
	page = &Preview{}
	return page, age < previewKept && json.Unmarshal([]byte(data), page) == nil
}

// keep keeps what a page has said; nil for nothing.
func (p *previewer) keep(ctx context.Context, address string, page *Page) (*Preview, error) {
	now, data := micros(p.chat.now()), ""
	var out *Preview
	if page != nil {
		out = &Preview{Title: page.Title, Description: page.Description, Site: page.Site}
		if len(page.JPEG) > 0 {
			out.Picture, out.Width, out.Height = p.chat.newID(), page.Width, page.Height
		}
		text, err := json.Marshal(out)
		if err != nil {
			return nil, err
		}
		data = string(text)
	}
	err := p.chat.db.Tx(ctx, func(tx *db.Tx) error {
		if out != nil && out.Picture != "" {
			_, err := tx.Exec(ctx, `INSERT INTO preview_pictures (id, media_type, picture, created_at) VALUES ($1, 'image/jpeg', $2, $3)`,
				out.Picture, base64.StdEncoding.EncodeToString(page.JPEG), now)
			if err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, `INSERT INTO previews (url, data, fetched_at) VALUES ($1, $2, $3)
			ON CONFLICT (url) DO UPDATE SET data = excluded.data, fetched_at = excluded.fetched_at`, address, data, now)
		return err
	})
	return out, err
}

func (p *previewer) sweepLoop() {
	tick := time.NewTicker(previewSweep)
	defer tick.Stop()
	for {
		_ = p.chat.sweepPreviews(context.Background()) // the next time, then
		select {
		case <-tick.C:
		case <-p.chat.stopping:
			return
		}
	}
}

// sweepPreviews forgets what was found too long ago, and pictures that no message shows any more.
func (c *Chat) sweepPreviews(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, previewTimeout)
	defer cancel()
	old := micros(c.now().Add(-previewKept))
	return c.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM previews WHERE fetched_at < $1`, old); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM preview_pictures WHERE created_at < $1
			AND NOT EXISTS (SELECT 1 FROM preview_uses u WHERE u.picture = preview_pictures.id)`, old)
		return err
	})
}
