import { describe, expect, it } from 'vitest';
import type { Personal } from '../wire';
import { choices, fieldValue } from './times';
import { addWish, isMuted, isWish, PersonalCopy, wished, type Wish } from './personal';

const saved = (version: number, key: string, gone?: boolean): Personal => ({ version, kind: 'saved', key, at: '2026-05-01T12:00:00Z', ...(gone ? { gone } : { saved: { roomId: 'general', messageId: key } }) });

describe('what is one\'s own', () => {
  it('is the same however it came', () => {
    const live = new PersonalCopy(new Map());
    expect([saved(1, 'a'), saved(2, 'b'), saved(3, 'a', true)].map((p) => live.receive(p))).toEqual(['applied', 'applied', 'applied']);
    const read = new PersonalCopy(new Map());
    read.page([saved(2, 'b'), saved(3, 'a', true)], 3);
    expect([...live.items.keys()]).toEqual(['saved b']);
    expect([...read.items.keys()]).toEqual(['saved b']);
    expect([live.version, read.version]).toEqual([3, 3]);
  });

  it('tells of a gap, and takes nothing twice', () => {
    const copy = new PersonalCopy(new Map());
    copy.page([saved(4, 'a')], 4);
    expect(copy.receive(saved(6, 'b'))).toBe('gap');
    expect(copy.receive(saved(4, 'a', true))).toBe('known');
    expect(copy.get('saved', 'a')?.version).toBe(4);
    expect(copy.get('saved', 'b')).toBeUndefined();
  });
});

describe('what is wanted without a connection', () => {
  const wish = (event: string, payload: object): Wish => {
    const w = { event, payload };
    if (!isWish(w)) throw new Error(event);
    return w;
  };

  it('is seen at once, in the place of what the server has, until it is granted', () => {
    const copy = new PersonalCopy(new Map());
    copy.page([saved(1, 'a'), saved(2, 'b')], 2);
    const [gone, kept] = [wished(wish('message-save', { messageId: 'a', on: false }), copy), wished(wish('message-save', { messageId: 'c' }), copy)];
    copy.wish(gone);
    copy.wish(kept);
    expect(copy.all('saved').map((p) => p.key)).toEqual(['b', 'c']);
    expect([copy.get('saved', 'a'), copy.get('saved', 'c')?.key]).toEqual([undefined, 'c']);
    copy.granted(gone);
    copy.granted(kept);
    expect(copy.all('saved').map((p) => p.key)).toEqual(['a', 'b']);
  });

  it('is the last wish about the same, and of a room all of them together', () => {
    const copy = new PersonalCopy(new Map());
    let all: Wish[] = [];
    for (const [event, payload] of [
      ['message-save', { messageId: 'a' }], ['room-notify', { roomId: 'r', favourite: true }], ['draft-set', { roomId: 'r', text: 'one' }], ['message-save', { messageId: 'a', on: false }],
      ['room-notify', { roomId: 'r', level: 'all' }], ['draft-set', { roomId: 'r', text: 'two' }], ['reminder-set', { key: 'k', at: '' }], ['reminder-done', { key: 'k' }],
    ] as const) all = addWish(all, wish(event, payload), copy);
    expect(all.map((w) => w.payload)).toEqual([{ messageId: 'a', on: false }, { roomId: 'r', favourite: true, level: 'all' }, { roomId: 'r', text: 'two' }, { key: 'k' }]);
    expect(isWish({ event: 'message-schedule', payload: {} })).toBe(false);
  });
});

describe('a room', () => {
  it('is muted for good, or for a while', () => {
    const now = new Date('2026-05-01T12:00:00Z').getTime();
    expect(isMuted({ mutedUntil: '2026-05-01T12:00:01Z' }, now)).toBe(true);
    expect(isMuted({ mutedUntil: '2026-05-01T11:00:00Z' }, now)).toBe(false);
    expect(isMuted({ level: 'none' }, now)).toBe(true);
    expect(isMuted({ level: 'mentions' }, now)).toBe(false);
  });
});

describe('times', () => {
  it('are the ones that people mean, and none that is past', () => {
    const wednesday = new Date(2026, 4, 6, 19, 30);
    expect(choices(wednesday).map((c) => [c.key, fieldValue(c.time)])).toEqual([
      ['remind-hour', '2026-05-06T20:30'], ['remind-tomorrow', '2026-05-07T09:00'], ['remind-week', '2026-05-11T09:00'],
    ]);
    expect(choices(new Date(2026, 4, 11, 8)).at(-1)?.time).toEqual(new Date(2026, 4, 18, 9));
  });
});
