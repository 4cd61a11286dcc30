import { describe, expect, it } from 'vitest';
import { excerpt } from '../markdown/excerpt';
import { parse } from '../markdown/parse';
import { fence, inFence, link, mark, prefix, type Edited } from './format';
import { named } from './mentions';

/** A text in which | stand at the ends of what is selected. */
const edited = (s: string): Edited => {
  const from = s.indexOf('|');
  const to = s.lastIndexOf('|');
  return { text: s.replaceAll('|', ''), from, to: to === from ? from : to - 1 };
};
const shown = ({ text, from, to }: Edited) => (from === to ? `${text.slice(0, from)}|${text.slice(from)}` : `${text.slice(0, from)}|${text.slice(from, to)}|${text.slice(to)}`);

describe('formats', () => {
  it.each([
    ['say |it| now', '**', 'say **|it|** now'],
    ['say **|it|** now', '**', 'say |it| now'],
    ['say| it |now', '**', 'say **|it|** now'],
    ['|', '_', '_|_'],
  ])('marks %j with %j', (before, around, after) => expect(shown(mark(edited(before), around))).toBe(after));

  it.each([
    ['a\n|b\nc|\nd', '> ', 'a\n|> b\n> c|\nd'],
    ['|> b\n> c|', '> ', '|b\nc|'],
    ['|a\nb|', '#. ', '|1. a\n2. b|'],
    ['one|', '- ', '- one|'],
  ])('begins the lines of %j with %j', (before, begin, after) => expect(shown(prefix(edited(before), begin))).toBe(after));

  it('makes links and blocks of code', () => {
    expect(shown(link(edited('see |this|')))).toBe('see [this](|https://|)');
    expect(shown(link(edited('see |')))).toBe('see [|](https://)');
    expect(shown(fence(edited('so: |x := 1| then')))).toBe('so: \n```\n|x := 1|\n```\n then');
  });

  it('knows what is inside a block of code', () => {
    expect(inFence('```go\nx', 7)).toBe(true);
    expect(inFence('```go\nx\n```\n', 12)).toBe(false);
    expect(inFence('a ``` b', 7)).toBe(false);
  });
});

describe('mentions', () => {
  const people = [{ userId: '1', username: 'Mei Lin' }, { userId: '2', username: 'Mei', login: 'mei.w' }, { userId: '3', username: 'Ana' }];
  const nodes = (text: string) => named(parse(text)[0]?.c ?? [], people).map((n) => (n.userId ? `<${n.userId} ${n.text}>` : n.t === 'mention' ? `@${n.text}` : n.text)).join('');

  it.each([
    ['hi @Mei Lin, you', 'hi <1 Mei Lin>, you'],
    ['hi @mei there', 'hi <2 mei> there'],
    ['@mei.w', '<2 mei.w>'],
    ['@Mei Linus', '<2 Mei> Linus'],
    ['@ana and @nobody', '<3 ana> and @nobody'],
  ])('of %j', (text, found) => expect(nodes(text)).toBe(found));
});

describe('an excerpt', () => {
  it('is one line without marks', () => {
    expect(excerpt('# Hi\n\n- **a**\n- ||b||')).toBe('Hi - a - █████');
    expect(excerpt('x'.repeat(200), 10)).toBe('xxxxxxxxxx…');
  });
});
