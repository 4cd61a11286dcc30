package mail

import (
	"fmt"
	"html/template"
	"strings"
)

// Letter is one to be sent. What is in it is text: it is escaped where it becomes HTML.
type Letter struct {
	To, Subject string
	Paragraphs  []string
	Sections    []Section
	Link        string // what the reader may follow; empty for none
	LinkText    string
	Closing     string
}

// Section is a part with a heading, and lines of who said what.
type Section struct {
	Heading string
	Lines   []Line
}

// Line is what somebody said.
type Line struct{ Who, Text string }

var page = template.Must(template.New("letter").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Subject}}</title></head>
<body style="font-family:system-ui,sans-serif;line-height:1.5;color:#1c1c1e;background:#ffffff;max-width:36em;margin:0 auto;padding:1em">
{{range .Paragraphs}}<p>{{.}}</p>
{{end}}{{range .Sections}}<h2 style="font-size:1.1em;margin-bottom:0">{{.Heading}}</h2>
<ul style="padding-left:1.2em;margin-top:.3em">{{range .Lines}}<li><b>{{.Who}}</b> {{.Text}}</li>{{end}}</ul>
{{end}}{{if .Link}}<p><a href="{{.Link}}" style="display:inline-block;padding:.6em 1.2em;border-radius:.5em;background:#2557d6;color:#ffffff;text-decoration:none">{{.LinkText}}</a></p>
<p style="font-size:.85em;color:#5b5b60">Or open this address: {{.Link}}</p>
{{end}}<p style="font-size:.85em;color:#5b5b60">{{.Closing}}</p>
</body></html>
`))

// write makes the two forms of a letter.
func (l *Letter) write() (text, html string, err error) {
	var t, h strings.Builder
	for _, p := range l.Paragraphs {
		t.WriteString(p + "\n\n")
	}
	for _, s := range l.Sections {
		t.WriteString("# " + s.Heading + "\n")
		for _, line := range s.Lines {
			fmt.Fprintf(&t, "%s: %s\n", line.Who, line.Text)
		}
		t.WriteString("\n")
	}
	if l.Link != "" {
		fmt.Fprintf(&t, "%s:\n%s\n\n", l.LinkText, l.Link)
	}
	t.WriteString("-- \n" + l.Closing + "\n")
	if err := page.Execute(&h, l); err != nil {
		return "", "", fmt.Errorf("mail: %w", err)
	}
	return t.String(), h.String(), nil
}
