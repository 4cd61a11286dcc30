import { describe, expect, it } from 'vitest';
import type { Entry, Message, Refusal } from '../wire';
import { format } from '../i18n/format';
import { reconnectDelay } from './backoff';
import { addressesAll, complete, pasteLink, tokenAt } from './complete';
import { rank } from './fuzzy';
import { linkTo, parseLink } from './links';
import { writeQuery } from './query';
import { colourOf, deviceOf, nameProblem, nickname } from './names';
import { Outbox, type Outgoing } from './outbox';
import { MAX_KEPT, RoomLog } from './room';
import { Heights } from './heights';
import { layout, type Row } from './rows';
import { characters } from './text';
import { Typists } from './typing';

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
    const log = loaded(...Array.from({ length: MAX_KEPT + 1 }, (_, i) => i + 1));
    log.trim();
    expect(log.messages.length).toBe(MAX_KEPT);
    expect(log.last).toBe(MAX_KEPT + 1);
    expect(log.hasOlder).toBe(true);
  });

  it('is a window that moves: back, forward and anywhere, never longer than it may be, without a hole', () => {
    const seqs = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => message(from + i));
    const log = new RoomLog();
    log.reset(seqs(2001, 2040), true, 2040, 'e');
    for (let before = 2000; before > 1000; before -= 40) log.prepend(seqs(before - 39, before), true);
    expect(log.messages.length).toBe(MAX_KEPT);
    expect(log.hasNewer).toBe(true);
    expect(log.receive('new-message', message(2041))).toBe('applied'); // the end of the log is out of sight
    expect(log.newestSeq).toBeLessThan(2041);
    expect(log.snapshot()).toBeUndefined();
    while (log.hasNewer) log.append(seqs(log.newestSeq + 1, Math.min(log.newestSeq + 40, 2041)), log.newestSeq + 40 < 2041);
    expect(log.messages.length).toBe(MAX_KEPT);
    expect(log.messages.map((m) => m.seq)).toEqual(seqs(2042 - MAX_KEPT, 2041).map((m) => m.seq));
    expect(log.receive('new-message', message(2042))).toBe('applied');
    expect(log.newestSeq).toBe(2042);
    log.show(seqs(100, 139), true);
    log.receive('message-deleted', entry(2043, 'delete', { message: message(120, { text: '', version: 2043, deletedAt: at(1) }) }));
    expect(log.messages.find((m) => m.seq === 120)?.deletedAt).toBeDefined();
    expect([log.last, log.hasOlder, log.hasNewer]).toEqual([2043, true, true]);
  });

  it('comes back from what was stored, and goes on where that ended', () => {
    const log = loaded(1, 2, 3);
    const again = new RoomLog();
    again.receive('new-message', message(4));
    again.restore(log.snapshot()!);
    expect(again.messages.map((m) => m.seq)).toEqual([1, 2, 3, 4]);
    expect([again.last, again.epoch]).toEqual([4, 'e']);
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
    expect(o.next('general')?.clientId).toBe('a');
    o.sending('a');
    expect(o.next('general')).toBeUndefined();
    expect(o.done('a')).toBe(true);
    expect(o.next('general')?.clientId).toBe('b');
  });

  it('does not let one room wait for another', () => {
    const o = new Outbox();
    o.add(outgoing('a'));
    o.add(outgoing('b', { roomId: 'other' }));
    o.sending('a');
    expect(o.next('other')?.clientId).toBe('b');
    o.sending('b');
    o.interrupted('b');
    expect(o.items.map((i) => i.state)).toEqual(['sending', 'queued']);
  });

  it('keeps what is acknowledged in sight until its echo has come, and does not send it again', () => {
    const o = new Outbox();
    o.add(outgoing('a'));
    o.add(outgoing('b'));
    o.sending('a');
    o.acknowledged('a');
    expect(o.items.map((i) => i.state)).toEqual(['sent', 'queued']);
    expect(o.next('general')?.clientId).toBe('b');
    o.interrupted();
    expect(o.items[0]?.state).toBe('sent');
    expect(o.done('a')).toBe(true);
  });

  it('sends again after an interruption, under the same id', () => {
    const o = new Outbox();
    o.add(outgoing('a'));
    o.sending('a');
    o.interrupted();
    expect(o.next('general')).toMatchObject({ clientId: 'a', state: 'queued' });
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
    expect(o.next('general')?.clientId).toBe('a');
  });
});

describe('deviceOf', () => {
  it('says what a person would', () => {
    expect(deviceOf('Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36')).toEqual({ browser: 'Chrome', system: 'Linux' });
    expect(deviceOf('Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1')).toEqual({ browser: 'Safari', system: 'iOS' });
    expect(deviceOf('Go-http-client/1.1')).toEqual({});
  });
});

describe('layout', () => {
  const lines = (rows: Row[]) => rows.filter((r) => r.kind === 'message');
  const kinds = (rows: Row[]) => rows.map((r) => (r.kind === 'message' ? (r.head ? 'head' : 'line') : r.kind));

  it("puts one person's lines together within five minutes", () => {
    const rows = layout([message(1), message(2), message(9), message(10, { userId: 'ben', username: 'Ben' })], [], me, 0, true);
    expect(kinds(rows)).toEqual(['day', 'head', 'line', 'head', 'head']);
  });

  it('breaks at the day, at an answer and at the line of what is new', () => {
    const next = new Date(2026, 4, 2, 0, 1).toISOString();
    const reply = { id: 'm1', seq: 1, userId: 'ana', username: 'Ana', text: 'text 1' };
    const rows = layout([message(1), message(2), message(3), message(4, { replyTo: reply }), message(5, { timestamp: next })], [], me, 2, true);
    expect(kinds(rows)).toEqual(['day', 'head', 'new', 'head', 'line', 'head', 'day', 'head']);
  });

  it('draws the line of what is new only where what precedes it is here', () => {
    expect(kinds(layout([message(4), message(5), message(6)], [], me, 3, false))).toEqual(['line', 'line']);
    expect(kinds(layout([message(2), message(5), message(6)], [], me, 3, false))).toEqual(['new', 'head', 'line']);
    expect(kinds(layout([message(5), message(6)], [], me, 3, true))).toEqual(['day', 'new', 'head', 'line']);
  });

  it('leaves the first message out until it is known what precedes it, so that no row that was drawn changes', () => {
    const before = layout([message(3), message(4), message(5)], [], me, 0, false);
    const after = layout([message(1), message(2), message(3), message(4), message(5)], [], me, 0, false, before);
    expect([before, after].map(kinds)).toEqual([['line', 'line'], ['line', 'line', 'line', 'line']]);
    expect(after.slice(-2)).toEqual(before);
    expect(kinds(layout([message(3)], [], me, 0, false))).toEqual(['day', 'head']);
    expect(kinds(layout([message(1), message(3, { timestamp: new Date(2026, 4, 2).toISOString() })], [], me, 0, false))).toEqual(['day', 'head']);
  });

  it('replaces a pending line in place when its message has arrived', () => {
    const pending = layout([message(1)], [outgoing('c1')], me, 0, true);
    const sent = layout([message(1), message(2, { clientId: 'c1', ...me })], [outgoing('c1')], me, 0, true, pending);
    expect(lines(pending).map((r) => r.key)).toEqual(['m1', 'c1']);
    expect(lines(sent).map((r) => r.key)).toEqual(['m1', 'c1']);
    expect(lines(sent)[1]?.pending).toBeUndefined();
  });

  it('keeps the rows that have not changed', () => {
    const first = message(1);
    const before = layout([first, message(2)], [], me, 0, true);
    const after = layout([first, message(2, { text: 'edited', version: 3 })], [], me, 0, true, before);
    expect(after.map((r, i) => r === before[i])).toEqual([true, true, false]);
  });
});

describe('Heights', () => {
  it('knows what was measured, estimates the rest, and finds the row at a place', () => {
    const h = new Heights(40);
    h.setKeys(['a', 'b', 'c', 'd']);
    expect(h.total).toBe(160);
    h.measure('a', 20);
    h.measure('b', 60);
    expect([h.offset(1), h.offset(2), h.total]).toEqual([20, 80, 160]);
    expect([h.indexAt(-5), h.indexAt(0), h.indexAt(19), h.indexAt(20), h.indexAt(79), h.indexAt(999)]).toEqual([0, 0, 0, 1, 1, 3]);
    expect(h.range(25, 90)).toEqual({ start: 1, end: 3, above: 20, below: 40 });
    h.setKeys(['z', 'a', 'b']);
    expect(h.has('b')).toBe(true);
    expect(h.offset(2)).toBe(60);
  });

  it('is nothing without rows', () => {
    expect(new Heights(40).range(0, 500)).toEqual({ start: 0, end: 0, above: 0, below: 0 });
  });
});

describe('complete', () => {
  it('finds what is being written before the caret', () => {
    const at = (text: string) => tokenAt(text, text.length);
    expect(at('hello @an')).toEqual({ trigger: '@', query: 'an', start: 6 });
    expect(at('mail me at a@b')).toBeUndefined();
    expect(at('(#gen')).toEqual({ trigger: '#', query: 'gen', start: 1 });
    expect(at('note: x')).toBeUndefined();
    expect(at('so :t')).toBeUndefined();
    expect(at('so :ta')).toEqual({ trigger: ':', query: 'ta', start: 3 });
    expect(at('/sta')).toEqual({ trigger: '/', query: 'sta', start: 0 });
    expect(at('a /sta')).toBeUndefined();
    expect(complete('hi @an!', 6, { trigger: '@', query: 'an', start: 3 }, '@ana')).toEqual({ text: 'hi @ana !', caret: 8 });
  });

  it('knows when everybody is addressed, and what makes a link', () => {
    expect(['@all hi', 'so, @here', 'x@all', '@allan', 'see /@all'].map(addressesAll)).toEqual([true, true, false, false, false]);
    expect(pasteLink(' https://a.test/x ', 'here')).toBe('[here](https://a.test/x)');
    expect(pasteLink('not a link', 'here')).toBeUndefined();
    expect(pasteLink('https://a.test/', '')).toBeUndefined();
    expect(pasteLink('javascript:alert(1)', 'here')).toBeUndefined();
  });
});

describe('rank', () => {
  it('puts beginnings before words before letters, and leaves out what does not match', () => {
    expect(rank('de', ['Model', 'Design', 'Old Desk', 'Dole', 'Xyz'], (s) => [s])).toEqual(['Design', 'Old Desk', 'Model', 'Dole']);
    expect(rank('jose', ['José'], (s) => [s])).toEqual(['José']);
    expect(rank('', ['b', 'a'], (s) => [s], (s) => (s === 'a' ? 5 : 0))).toEqual(['a', 'b']);
  });
});

describe('links and queries', () => {
  it('reads what it writes', () => {
    expect(parseLink({ pathname: linkTo('r1', 'm/2'), hash: '' })).toEqual({ roomId: 'r1', messageId: 'm/2' });
    expect(parseLink({ pathname: '/', hash: '#invite=abc' })).toMatchObject({ invitation: 'abc' });
    expect(parseLink({ pathname: '/', hash: '#' })).toBeUndefined();
    expect(parseLink({ pathname: '/', hash: '#room=r1&at=x' })).toEqual({ roomId: 'r1', seq: undefined, invitation: undefined });
    expect(parseLink({ pathname: '/', hash: '#reset=abc' })).toMatchObject({ reset: 'abc' });
    expect(parseLink({ pathname: '/', hash: '#oidc-error=It+went%20wrong' })).toMatchObject({ oidcError: 'It went wrong' });
    expect(parseLink({ pathname: '/', hash: '#at=3' })).toBeUndefined();
  });

  it('writes filters as the server reads them', () => {
    const none = { words: '', from: '', after: '', before: '', link: false, mentions: false, here: true };
    expect(writeQuery(none)).toBe('');
    expect(writeQuery({ ...none, words: ' a b ', from: '@Ana Ruiz', after: '2026-01-31', link: true, mentions: true })).toBe('a b from:"Ana Ruiz" after:2026-01-31 has:link mentions:me');
  });
});

describe('format', () => {
  it('fills in values and chooses plurals by the language', () => {
    const text = '{n, plural, one {# reply} other {# replies}} to {name}';
    expect(format(text, { n: 1, name: 'Ana' }, 'en')).toBe('1 reply to Ana');
    expect(format(text, { n: 1200, name: '{n}' }, 'en')).toBe('1,200 replies to {n}');
    expect(format('{n, plural, =0 {none} few {# few} other {# other}}', { n: 0 }, 'ar')).toBe('none');
    expect(format('{n, plural, few {few} other {other}}', { n: 3 }, 'ar')).toBe('few');
  });
});

describe('Typists', () => {
  it('forgets after five seconds', () => {
    const t = new Typists();
    t.heard({ roomId: 'general', userId: 'a', username: 'Ana', typing: true }, 1000);
    expect(t.names('general', 5999)).toEqual(['Ana']);
    expect(t.names('general', 6000)).toEqual([]);
  });
});

describe('text', () => {
  it('counts characters as the server does', () => {
    expect(characters('añ😀')).toBe(3);
  });
});

describe('names', () => {
  it('makes acceptable nicknames, and the same colour for the same person', () => {
    for (let i = 0; i < 16; i++) expect(nameProblem(nickname(() => i / 16))).toBeUndefined();
    expect(nameProblem(' x ')).toBe('name-too-short');
    expect(nameProblem('x'.repeat(31))).toBe('name-too-long');
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
