import { describe, expect, it } from 'vitest';
import { format } from './format';
import en from './locales/en';
import enAdmin from './locales/admin/en';

type Texts = Record<string, string>;
const files = import.meta.glob<{ default: Texts }>(['./locales/*.ts', '!./locales/en.ts'], { eager: true });
const adminFiles = import.meta.glob<{ default: Texts }>(['./locales/admin/*.ts', '!./locales/admin/en.ts'], { eager: true });
const tagOf = (path: string) => path.slice(path.lastIndexOf('/') + 1, -'.ts'.length);
const languages: [string, Texts, Texts][] = [
  ...Object.entries(files).map(([path, file]): [string, Texts, Texts] => [tagOf(path), file.default, en]),
  ...Object.entries(adminFiles).map(([path, file]): [string, Texts, Texts] => [tagOf(path), file.default, enAdmin]),
];

/** The names that stand in a text's braces. */
function names(text: string): string[] {
  const plural = [...text.matchAll(/\{(\w+), plural,/g)].map((m) => m[1]);
  const plain = [...text.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
  return [...new Set([...plural, ...plain])].map(String).sort();
}

/** The categories that a text's plurals tell apart. */
function categories(text: string): string[][] {
  return [...text.matchAll(/\{\w+, plural,((?:\s*[=\w]+\s*\{[^{}]*\})+)\s*\}/g)].map((m) => [...(m[1] ?? '').matchAll(/([=\w]+)\s*\{/g)].map((b) => String(b[1])));
}

it('there is more than English', () => {
  for (const all of [files, adminFiles]) expect(Object.keys(all).map(tagOf)).toEqual(expect.arrayContaining(['ar', 'de', 'es', 'zh']));
});

describe.each(languages)('%s', (tag, texts, english) => {
  it('has a text for every key, and for no other', () => {
    expect(Object.keys(english).filter((key) => !texts[key]?.trim())).toEqual([]);
    expect(Object.keys(texts).filter((key) => english[key] === undefined)).toEqual([]);
  });

  it('fills in what English does', () => {
    const other = Object.keys(texts).filter((key) => names(texts[key] ?? '').join() !== names(english[key] ?? '').join());
    expect(other).toEqual([]);
  });

  it('has every plural that it needs', () => {
    const needed = new Intl.PluralRules(tag).resolvedOptions().pluralCategories;
    const lacking = Object.keys(texts).filter((key) => categories(texts[key] ?? '').some((found) => !found.includes('other') || (tag !== 'es' && needed.some((n) => !found.includes(n)))));
    expect(lacking).toEqual([]);
    for (const key of Object.keys(texts)) for (const n of [0, 1, 2, 3, 11, 100]) expect(format(texts[key] ?? '', { n }, tag)).not.toMatch(/plural|[{}]/);
  });
});
