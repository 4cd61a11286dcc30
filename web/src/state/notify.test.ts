import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BADGE, MAIL, PUSH, SOUND, marked, notify, type Notification } from './notify';

type Case = Partial<Omit<Notification, 'message'>> & { name: string; message?: Partial<Notification['message']>; want: string[] };
const cases = JSON.parse(readFileSync('../internal/chat/testdata/notify.json', 'utf8')) as Case[];
const ways = { badge: BADGE, sound: SOUND, push: PUSH, mail: MAIL };

describe('how somebody is told', () => {
  it.each(cases)('$name', ({ message, want, ...given }) => {
    const told = notify({
      kind: 'public', userId: 'ben', readSeq: 5, room: {}, all: {}, attention: {}, now: new Date('2026-01-15T12:00:00Z'), ...given,
      message: { seq: 10, userId: 'ana', text: 'The café opens at eight', ...message },
    });
    expect(Object.entries(ways).filter(([, bit]) => told & bit).map(([way]) => way)).toEqual(want);
  });

  it('has the cases that the server has', () => expect(cases.length).toBeGreaterThan(40));
});

describe('words that call somebody', () => {
  const shown = (text: string, keywords: string[]) => marked(text, keywords).map((p) => (p.called ? `[${p.text}]` : p.text)).join('');

  it.each([
    ['The Café, the cafés', ['cafe'], 'The [Café], the cafés'],
    ['we ship it: ship it now', ['ship it', 'ship'], 'we [ship it]: [ship it] now'],
    ['明天发布新版本', ['发布'], '明天[发布]新版本'],
    ['nothing', [''], 'nothing'],
    ['', ['a'], ''],
  ])('%j with %j', (text, keywords, want) => expect(shown(text, keywords)).toBe(want));
});
