import { describe, expect, it } from 'vitest';
import type { Message, Refusal } from '../wire';
import { reconnectDelay } from './backoff';
import { colourOf, nameProblem, nickname } from './names';
import { Outbox, type Outgoing } from './outbox';
import { layout } from './rows';
import { characters, pieces } from './text';
import { Timeline } from './timeline';
import { Typists, typingText } from './typing';

const at = (minute: number) => new Date(2026, 4, 1, 12, minute).toISOString();
const message = (seq: number, over: Partial<Message> = {}): Message => ({
  id: `m${seq}`, text: `text ${seq}`, username: 'Ana', userId: 'ana', timestamp: at(seq), roomId: 'general', seq, ...over,
});
const outgoing = (clientId: string, over: Partial<Outgoing> = {}): Outgoing => ({
  clientId, roomId: 'general', text: clientId, createdAt: new Date(at(30)).getTime(), state: 'queued', ...over,
});
const refusal = (code: Refusal['code'], retryAfter?: number): Refusal => ({ success: false, error: 'no', code, retryAfter });
const me = { userId: 'me', username: 'Me' };

describe('Timeline', () => {
  it('adds what follows, ignores what it has, and reports a gap', () => {
    const t = new Timeline();
    t.reset([message(1), message(2)], false);
    expect(t.receive(message(3))).toBe('added');
    expect(t.receive(message(3))).toBe('known');
    expect(t.receive(message(5))).toBe('gap');
    expect(t.messages.map((m) => m.seq)).toEqual([1, 2, 3]);
  });

  it('never shows a message twice, whatever overlaps', () => {
    const t = new Timeline();
    t.reset([message(5), message(6)], true);
    t.append([message(6), message(7)]);
    t.prepend([message(3), message(4), message(5)], false);
    expect(t.messages.map((m) => m.seq)).toEqual([3, 4, 5, 6, 7]);
    expect(t.hasOlder).toBe(false);
  });

  it('forgets the oldest of many, and knows that it did', () => {
    const t = new Timeline();
    t.reset(Array.from({ length: 401 }, (_, i) => message(i + 1)), false);
    t.trim();
    expect(t.messages.length).toBe(300);
    expect(t.lastSeq).toBe(401);
    expect(t.hasOlder).toBe(true);
  });
});

describe('Outbox', () => {
  it('has one message in flight, in the order of writing', () => {
    const o = new Outbox();
    o.add(outgoing('a'));
    o.add(outgoing('b'));
    expect(o.next()?.clientId).toBe('a');
    o.sending('a');
    expect(o.next()).toBeUndefined();
    expect(o.done('a')).toBe(true);
    expect(o.next()?.clientId).toBe('b');
  });

  it('keeps what is acknowledged in sight until its echo has come, and does not send it again', () => {
    const o = new Outbox();
    o.add(outgoing('a'));
    o.add(outgoing('b'));
    o.sending('a');
    o.acknowledged('a');
    expect(o.items.map((i) => i.state)).toEqual(['sent', 'queued']);
    expect(o.next()?.clientId).toBe('b');
    o.interrupted();
    expect(o.items[0]?.state).toBe('sent');
    expect(o.done('a')).toBe(true);
  });

  it('sends again after an interruption, under the same id', () => {
    const o = new Outbox();
    o.add(outgoing('a'));
    o.sending('a');
    o.interrupted();
    expect(o.next()).toMatchObject({ clientId: 'a', state: 'queued' });
  });

  it('waits as long as it is told, and gives up only where trying again is pointless', () => {
    const o = new Outbox();
    o.add(outgoing('a'));
    expect(o.refused('a', refusal('rate-limited', 2), () => 0)).toBe(2000);
    expect(o.items[0]?.state).toBe('queued');
    expect(o.refused('a', refusal('retry'), () => 0)).toBeGreaterThan(0);
    expect(o.refused('a', refusal('too-large'), () => 0)).toBeUndefined();
    expect(o.items[0]?.state).toBe('failed');
    o.retry('a');
    expect(o.next()?.clientId).toBe('a');
  });
});

describe('layout', () => {
  it("puts one person's lines together within five minutes", () => {
    const days = layout([message(1), message(2), message(9), message(10, { userId: 'ben', username: 'Ben' })], [], me, 0);
    expect(days).toHaveLength(1);
    expect(days[0]?.rows.map((r) => r.head)).toEqual([true, false, true, true]);
  });

  it('breaks at the day and at the line of what is new', () => {
    const next = new Date(2026, 4, 2, 0, 1).toISOString();
    const days = layout([message(1), message(2), message(3, { timestamp: next })], [], me, 2);
    expect(days.map((d) => d.rows.map((r) => [r.head, r.isNew]))).toEqual([[[true, false], [true, true]], [[true, false]]]);
  });

  it('replaces a pending line in place when its message has arrived', () => {
    const pending = layout([message(1)], [outgoing('c1')], me, 0);
    const sent = layout([message(1), message(2, { clientId: 'c1', ...me })], [outgoing('c1')], me, 0);
    const keys = (days: typeof sent) => days.flatMap((d) => d.rows.map((r) => r.key));
    expect(keys(pending)).toEqual(['m1', 'c1']);
    expect(keys(sent)).toEqual(['m1', 'c1']);
    expect(sent[0]?.rows[1]?.pending).toBeUndefined();
  });
});

describe('Typists', () => {
  it('forgets after five seconds', () => {
    const t = new Typists();
    t.heard({ roomId: 'general', userId: 'a', username: 'Ana', typing: true }, 1000);
    expect(t.names(5999)).toEqual(['Ana']);
    expect(t.names(6000)).toEqual([]);
  });

  it('names two and counts the others', () => {
    expect(typingText([])).toBe('');
    expect(typingText(['Ana'])).toBe('Ana is typing…');
    expect(typingText(['Ana', 'Ben'])).toBe('Ana and Ben are typing…');
    expect(typingText(['Ana', 'Ben', 'Cai', 'Dee'])).toBe('Ana, Ben and 2 others are typing…');
  });
});

describe('text', () => {
  it('links http and https, and nothing else', () => {
    expect(pieces('see https://a.test/x(1), or javascript:alert(1).')).toEqual([
      { text: 'see ' }, { text: 'https://a.test/x(1)', href: 'https://a.test/x(1)' }, { text: ', or javascript:alert(1).' },
    ]);
    expect(pieces('(http://b.test/)')[1]).toEqual({ text: 'http://b.test/', href: 'http://b.test/' });
    expect(pieces('data:text/html,x vbscript:y')).toEqual([{ text: 'data:text/html,x vbscript:y' }]);
  });

  it('loses nothing', () => {
    for (const s of ['', 'plain', 'a http://x.test b https://y.test/?q=1&r=2!', 'https://[bad'])
      expect(pieces(s).map((p) => p.text).join('')).toBe(s);
  });

  it('counts characters as the server does', () => {
    expect(characters('añ😀')).toBe(3);
  });
});

describe('names', () => {
  it('makes acceptable nicknames, and the same colour for the same person', () => {
    for (let i = 0; i < 16; i++) expect(nameProblem(nickname(() => i / 16))).toBeUndefined();
    expect(nameProblem(' x ')).toBe('At least 2 characters');
    expect(nameProblem('x'.repeat(31))).toBe('At most 30 characters');
    expect(colourOf('u1')).toBe(colourOf('u1'));
  });
});

describe('reconnectDelay', () => {
  it('grows to ten seconds and is jittered by half', () => {
    expect(reconnectDelay(0, () => 1)).toBe(400);
    expect(reconnectDelay(20, () => 0)).toBe(5000);
    expect(reconnectDelay(20, () => 1)).toBe(10_000);
  });
});
