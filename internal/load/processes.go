package load

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"time"
)

// said is a line of what a process of the tester tells the one that started it: a second, in the end its report, or why there is none.
type said struct {
	Second *Second            `json:",omitempty"`
	Counts map[string]*counts `json:",omitempty"` // the second's, or the whole run's, by what was measured
	Report *Report            `json:",omitempty"`
	Failed string             `json:",omitempty"`
}

// Part is the part of one process: it reads its options from in, and writes what it sees to out, until it is done or in has ended.
func Part(ctx context.Context, in io.Reader, out io.Writer) error {
	var o Options
	from := bufio.NewReader(in)
	line, err := from.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &o)
	}
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // whoever started it has ended, or says that it is enough
		_, _ = from.ReadByte()
		cancel()
	}()
	to := json.NewEncoder(out)
	o.Progress = func(s Second) {
		_ = to.Encode(said{Second: &s, Counts: map[string]*counts{"ack": s.ack, "delivery": s.delivery}})
	} // without a reader it ends with in
	r, err := Run(ctx, o)
	if err != nil {
		return errors.Join(err, to.Encode(said{Failed: err.Error()}))
	}
	r.Seconds = nil // they have been told
	return to.Encode(said{Report: r, Counts: r.counts})
}

// RunProcesses is Run with the people spread over several processes, each of which start prepares to run [Part].
func RunProcesses(ctx context.Context, o Options, n int, start func() *exec.Cmd) (*Report, error) {
	if err := o.validate(n); err != nil {
		return nil, err
	}
	w := &together{o: o, running: n, seconds: map[int][]said{}}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	w.target = watch(watching, o.Metrics)
	var all sync.WaitGroup
	begun := time.Now()
	for i := range n {
		p, err := startPart(start(), o.share(i, n))
		if err != nil {
			stop()
			return nil, err
		}
		defer p.end()
		context.AfterFunc(watching, p.enough)
		all.Go(func() { w.failed(p.tell(w.hear)) })
	}
	all.Wait()
	if w.err != nil {
		return nil, w.err
	}
	return w.report(begun), nil
}

// share is the part of the i-th of n processes.
func (o Options) share(i, n int) Options {
	of := func(total int) int { return total/n + min(1, max(0, total%n-i)) }
	o.People, o.Rooms = of(o.People), of(o.Rooms)
	o.Rate /= float64(n)
	o.Metrics = nil
	return o
}

// part is a process.
type part struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startPart(cmd *exec.Cmd, o Options) (*part, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &part{cmd, in, bufio.NewScanner(out)}
	p.out.Buffer(nil, 64<<20)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return p, json.NewEncoder(in).Encode(o)
}

// enough has it end early.
func (p *part) enough() { _ = p.in.Close() }

func (p *part) end() {
	p.enough()
	_ = p.cmd.Wait() // what failed, it has told
}

// tell passes on what the process tells, until its report.
func (p *part) tell(hear func(n int, s said)) error {
	for n := 0; p.out.Scan(); n++ {
		var s said
		if err := json.Unmarshal(p.out.Bytes(), &s); err != nil {
			return fmt.Errorf("a process of the tester tells %.100q", p.out.Text())
		}
		if s.Failed != "" {
			return errors.New(s.Failed)
		}
		if hear(n, s); s.Report != nil {
			return nil
		}
	}
	return errors.Join(errors.New("a process of the tester has ended"), p.out.Err())
}

// together is what all processes tell.
type together struct {
	o      Options
	target *target

	mu      sync.Mutex
	running int
	reports []said
	seconds map[int][]said // by their number, until all have told theirs
	done    []Second
	err     error
}

func (w *together) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.err = errors.Join(w.err, err)
}

// hear takes the n-th line of one of them.
func (w *together) hear(n int, s said) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s.Report != nil {
		w.reports = append(w.reports, s)
		return
	}
	if w.seconds[n] = append(w.seconds[n], s); len(w.seconds[n]) < w.running {
		return
	}
	one := addSeconds(w.seconds[n])
	one.Target = w.target.now()
	delete(w.seconds, n)
	w.done = append(w.done, one)
	if w.o.Progress != nil {
		w.o.Progress(one)
	}
}

func addSeconds(all []said) (sum Second) {
	sum.ack, sum.delivery = &counts{}, &counts{}
	for _, s := range all {
		sum.At = max(sum.At, s.Second.At)
		sum.People += s.Second.People
		sum.Sent += s.Second.Sent
		sum.Acked += s.Second.Acked
		sum.Delivered += s.Second.Delivered
		sum.Refused += s.Second.Refused
		sum.Told += s.Second.Told
		sum.ack.add(s.Counts["ack"])
		sum.delivery.add(s.Counts["delivery"])
	}
	sum.Ack, sum.Delivery = sum.ack.latency(), sum.delivery.latency()
	return sum
}

// report is what came of the whole run.
func (w *together) report(begun time.Time) *Report {
	r := &Report{Options: w.o, Begun: begun, Seconds: w.done, counts: map[string]*counts{}}
	r.Options.Token = ""
	for _, s := range w.reports {
		r.add(s.Report)
		for what, c := range s.Counts {
			if r.counts[what] == nil {
				r.counts[what] = &counts{}
			}
			r.counts[what].add(c)
		}
	}
	r.Target = w.target.all()
	r.finish()
	return r
}

// add adds what another process has counted.
func (r *Report) add(o *Report) {
	r.Took = max(r.Took, o.Took)
	for _, n := range []struct{ to, from *int64 }{
		{&r.Attempts, &o.Attempts}, {&r.Losses, &o.Losses}, {&r.Cuts, &o.Cuts}, {&r.CaughtUp, &o.CaughtUp},
		{&r.Sent, &o.Sent}, {&r.Acked, &o.Acked}, {&r.Refused, &o.Refused}, {&r.Unknown, &o.Unknown}, {&r.Nobody, &o.Nobody}, {&r.Delivered, &o.Delivered},
		{&r.Told, &o.Told}, {&r.Typed, &o.Typed}, {&r.Reads, &o.Reads}, {&r.ReadBack, &o.ReadBack}, {&r.Behind, &o.Behind},
	} {
		*n.to += *n.from
	}
	r.Errors, r.Connects, r.Problems = addCounts(r.Errors, o.Errors), addCounts(r.Connects, o.Connects), addCounts(r.Problems, o.Problems)
	r.Examples = append(r.Examples, o.Examples...)
	r.Examples = r.Examples[:min(len(r.Examples), maxExamples)]
}

func addCounts(lists ...[]Count) []Count {
	sum := map[string]int{}
	for _, list := range lists {
		for _, c := range list {
			sum[c.What] += c.Times
		}
	}
	return counted(sum)
}
