import { describe, expect, it } from 'vitest';
import type { Personal } from '../wire';
import { choices, fieldValue } from './times';
import { calls, isMuted, isQuiet, PersonalCopy } from './personal';

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

describe('being called', () => {
  it.each([['22:00', '07:00', 23 * 60, true], ['22:00', '07:00', 6 * 60, true], ['22:00', '07:00', 12 * 60, false], ['09:00', '10:00', 9 * 60 + 59, true], ['09:00', '10:00', 600, false], [undefined, '10:00', 5, false]])(
    'is quiet from %s to %s at minute %d: %s', (from, to, minute, quiet) => expect(isQuiet(from, to, minute)).toBe(quiet));

  it('is by whole words', () => {
    expect(calls('the Release is out', ['release'])).toBe(true);
    expect(calls('released', ['release'])).toBe(false);
    expect(calls('prerelease, then release!', ['release'])).toBe(true);
    expect(calls('anything', ['', ' '])).toBe(false);
  });

  it('is not in rooms that are muted', () => {
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
