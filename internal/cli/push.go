package cli

import (
	"context"
	"strings"

	"parley/internal/auth"
	"parley/internal/push"
)

// openPush begins to look at what is committed for devices that are to be told of it, unless that is switched off.
func (p *program) openPush(ctx context.Context) error {
	if !p.config.Push {
		return nil
	}
	pusher, err := push.Open(ctx, push.Options{
		Chat: p.chat, Jobs: p.jobs, Log: p.log, Attention: p.door.Attention, Idle: auth.IdleTimeout, Absolute: auth.AbsoluteTimeout,
	})
	if err != nil {
		return err
	}
	p.push.Store(pusher)
	p.metrics.Counter("parley_push_dropped_total", "Messages that came too fast to be looked at for devices to be told.", func() float64 { return float64(pusher.Dropped()) })
	return nil
}

// pushKey tells the door what devices subscribe with; nil where nothing is pushed.
func (p *program) pushKey() func() string {
	if !p.config.Push {
		return nil
	}
	return func() string { return p.push.Load().Key() }
}

// startPush says whom the services may write to, once it is known where the server is.
func (p *program) startPush(pusher *push.Push) {
	if strings.HasPrefix(p.config.PublicURL, "https:") {
		pusher.SetSubject(p.config.PublicURL)
	}
}

func (p *program) closePush() {
	if pusher := p.push.Load(); pusher != nil {
		pusher.Close()
	}
}
