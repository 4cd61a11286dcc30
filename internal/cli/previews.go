package cli

import (
	"context"

	"parley/internal/chat"
	"parley/internal/preview"
)

// searchesRefused is the degree of overload from which on pages are not asked either.
const searchesRefused = 2

// previews asks the pages that people link to what they are; nil when that is switched off.
func (p *program) previews(o preview.Options) func(context.Context, string) (*chat.Page, error) {
	if !p.config.Previews {
		return nil
	}
	o.UserAgent = "Parley/" + Version + " (link preview)"
	f := preview.New(o)
	return func(ctx context.Context, url string) (*chat.Page, error) {
		if p.door.Degree() >= searchesRefused {
			return nil, &chat.Error{Kind: chat.Unavailable, Message: "The server is overloaded"}
		}
		card, err := f.Fetch(ctx, url)
		if err != nil {
			return nil, err // which has the address in it: it is not logged
		}
		page := &chat.Page{Title: card.Title, Description: card.Description, Site: card.Site}
		if card.Image != nil {
			page.JPEG, page.Width, page.Height = card.Image.JPEG, card.Image.Width, card.Image.Height
		}
		return page, nil
	}
}
