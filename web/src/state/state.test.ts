import { describe, expect, it } from 'vitest';
import type { Entry, Message, Refusal } from '../wire';
import { reconnectDelay } from './backoff';
import { colourOf, deviceName, nameProblem, nickname } from './names';
import { Outbox, type Outgoing } from './outbox';
import { RoomLog } from './room';
import { layout } from './rows';
import { characters, pieces } from './text';
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

const entry = (seq: number, kind: Entry['kind'], over: Partial<Entry> = {}): Entry => ({
  roomId: 'general', seq, id: `e${seq}`, kind, userId: 'ana', username: 'Ana', timestamp: at(seq), ...over,
});

describe('RoomLog', () => {
  const loaded = (...seqs: number[]) => {
    const log = new RoomLog();
    log.reset(seqs.map((seq) => message(seq)), false, Math.max(0, ...seqs), 'e');
    return log;
  };
  const texts = (log: RoomLog) => log.messages.map((m) => m.text);

  it('applies what follows, ignores what it has, and keeps what comes too early until the gap is closed', () => {
    const log = loaded(1, 2);
    expect(log.receive('new-message', message(3))).toBe('applied');
    expect(log.receive('new-message', message(3))).toBe('known');
    expect(log.receive('new-message', message(6))).toBe('gap');
    expect(log.receive('message-reaction', entry(5, 'react', { message: message(3, { version: 5, reactions: [{ emoji: '👍', userIds: ['ben'] }] }) }))).toBe('gap');
    expect(log.receive('new-message', message(4))).toBe('applied');
    expect(log.last).toBe(6);
    expect(log.lastId).toBe('m6');
    expect(log.messages.map((m) => m.seq)).toEqual([1, 2, 3, 4, 6]);
    expect(log.messages[2]?.reactions).toEqual([{ emoji: '👍', userIds: ['ben'] }]);
  });

  it('holds what comes while it is being read, and applies it afterwards', () => {
    const log = new RoomLog();
    expect(log.receive('new-message', message(3))).toBe('known');
    expect(log.receive('new-message', message(2))).toBe('known');
    log.reset([message(1), message(2)], false, 2, 'e');
    expect(log.messages.map((m) => m.seq)).toEqual([1, 2, 3]);
  });

  it('shows a message as the newest entry has it, wherever the page came from', () => {
    const log = new RoomLog();
    log.reset([message(1, { text: 'newest', version: 5 })], false, 3, 'e');
    log.receive('message-edited', entry(4, 'edit', { message: message(1, { text: 'older', version: 4 }) }));
    expect(texts(log)).toEqual(['newest']);
    log.receive('message-edited', entry(5, 'edit', { message: message(1, { text: 'newest', version: 5 }) }));
    log.receive('message-deleted', entry(6, 'delete', { message: message(1, { text: '', version: 6, deletedAt: at(6) }) }));
    expect(texts(log)).toEqual(['']);
  });

  it('shows in quotes what the quoted message says now', () => {
    const log = loaded(1);
    log.receive('new-message', message(2, { replyTo: { id: 'm1', seq: 1, userId: 'ana', username: 'Ana', text: 'text 1' } }));
    log.receive('message-deleted', entry(3, 'delete', { message: message(1, { text: '', version: 3, deletedAt: at(3) }) }));
    expect(log.messages[1]?.replyTo?.text).toBe('');
  });

  it('never shows a message twice, whatever overlaps', () => {
    const log = loaded(5, 6);
    log.prepend([message(3), message(4), message(5)], false);
    expect(log.messages.map((m) => m.seq)).toEqual([3, 4, 5, 6]);
    expect(log.hasOlder).toBe(false);
  });

  it('forgets the oldest of many, and knows that it did', () => {
    const log = loaded(...Array.from({ length: 401 }, (_, i) => i + 1));
    log.trim();
    expect(log.messages.length).toBe(300);
    expect(log.last).toBe(401);
    expect(log.hasOlder).toBe(true);
  });

  it('knows who is in the room, and how far they have read', () => {
    const log = loaded(1);
    log.receive('member-joined', entry(2, 'join', { member: { userId: 'ben', username: 'Ben', role: 'member' } }));
    log.receive('member-role', entry(3, 'role', { member: { userId: 'ben', username: 'Ben', role: 'moderator' } }));
    expect(log.members.get('ben')?.role).toBe('moderator');
    expect(log.progress(1, 'me')).toBe('sent');
    log.heardReceipt({ roomId: 'general', userId: 'ben', readSeq: 0, deliveredSeq: 3 });
    expect(log.progress(1, 'me')).toBe('delivered');
    log.heardReceipt({ roomId: 'general', userId: 'ben', readSeq: 1, deliveredSeq: 3 });
    expect(log.progress(1, 'me')).toBe('read');
    expect(log.progress(1, 'ben')).toBe('sent');
    log.receive('member-left', entry(4, 'leave', { member: { userId: 'ben', username: 'Ben', role: 'moderator' } }));
    expect(log.members.size).toBe(0);
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

describe('deviceName', () => {
  it('says what a person would', () => {
    expect(deviceName('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36')).toBe('Chrome on Linux');
    expect(deviceName('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1')).toBe('Safari on iOS');
    expect(deviceName('Go-http-client/1.1')).toBe('Go-http-client/1.1');
    expect(deviceName('')).toBe('An unknown device');
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
    expect(t.names('general', 5999)).toEqual(['Ana']);
    expect(t.names('general', 6000)).toEqual([]);
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
