package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"parley/internal/jobs"
)

// SMTP is the server that letters are handed to.
type SMTP struct {
	Host           string
	Port           int
	User, Password string
	From           string // an address, perhaps with a name: Parley <parley@example.com>
	// Security is how the connection is encrypted: starttls, tls from the beginning, or none.
	Security string
	// TLS may be nil.
	TLS *tls.Config
}

// sendTimeout bounds each step of talking to the server.
const sendTimeout = 20 * time.Second

// Check reports what is wrong with the settings, without connecting.
func (s *SMTP) Check() error {
	if _, err := mail.ParseAddress(s.From); err != nil {
		return fmt.Errorf("PARLEY_SMTP_FROM: %q is no address: write it like Parley <parley@example.com>", s.From)
	}
	_, err := s.client()
	return err
}

func (s *SMTP) client() (*gomail.Client, error) {
	options := []gomail.Option{gomail.WithPort(s.Port), gomail.WithTimeout(sendTimeout), gomail.WithoutNoop()}
	switch s.Security {
	case "tls":
		options = append(options, gomail.WithSSL())
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory)) // never in the clear because somebody in between says so
	}
	if s.TLS != nil {
		options = append(options, gomail.WithTLSConfig(s.TLS))
	}
	if s.User != "" {
		options = append(options, gomail.WithUsername(s.User), gomail.WithPassword(s.Password), gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover))
		if s.Security == "none" {
			options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthPlainNoEnc))
		}
	}
	c, err := gomail.NewClient(s.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("mail: %w", err)
	}
	return c, nil
}

// Send hands a letter over. id makes its Message-ID, the same for the same letter. An address that the server says does not exist is a
// permanent error.
func (s *SMTP) Send(ctx context.Context, id string, l Letter) error {
	m, err := s.compose(id, l)
	if err != nil {
		return jobs.Permanent(err)
	}
	c, err := s.client()
	if err != nil {
		return err
	}
	err = c.DialAndSendWithContext(ctx, m)
	var refused *gomail.SendError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused) && refused.Reason == gomail.ErrSMTPRcptTo && !refused.IsTemp():
		return jobs.Permanent(fmt.Errorf("mail: %w", err))
	}
	return fmt.Errorf("mail: %w", err)
}

func (s *SMTP) compose(id string, l Letter) (*gomail.Msg, error) {
	from, err := mail.ParseAddress(s.From)
	if err != nil {
		return nil, fmt.Errorf("mail: from: %w", err)
	}
	to, err := mail.ParseAddress(l.To)
	if err != nil || strings.ContainsAny(l.To, "\r\n") {
		return nil, fmt.Errorf("mail: %q is no address", l.To)
	}
	text, html, err := l.write()
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(from)
	m.ToMailAddress(to)
	m.Subject(oneLine(l.Subject, maxSubject))
	m.SetDate()
	m.SetMessageIDWithValue(id + "@" + from.Address[strings.LastIndex(from.Address, "@")+1:])
	m.SetGenHeader("Auto-Submitted", "auto-generated") // so that nothing answers that it is on holiday
	m.SetBodyString(gomail.TypeTextPlain, text)
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	return m, nil
}

// maxSubject bounds a subject, in characters.
const maxSubject = 120

// oneLine makes one line, fit for a header, of what people have written: names of rooms and of people are in subjects.
func oneLine(text string, most int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}
