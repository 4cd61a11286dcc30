import { parse } from '../markdown/parse';
import type { Node } from '../markdown/tree';
import type { Preview } from '../wire';

/** What stands under a message for one of its links: what the page says of itself, or until that is known nothing but where it leads. */
export interface Card {
  url: string;
  preview?: Preview;
}

/** The links of a message of which the server asks the pages, as its markdown.Links finds them. */
export function links(text: string): string[] {
  const found = new Set<string>();
  const walk = (nodes: Node[] | undefined) => {
    for (const n of nodes ?? []) {
      if (n.t === 'link' && n.href && !/^mailto:/i.test(n.href)) found.add(n.href);
      if (n.t !== 'spoiler') walk(n.c);
    }
  };
  if (text.includes('://')) walk(parse(text));
  return [...found];
}

/**
 * The cards under a message: those that it has, and for so many of its links as are still being asked a card that keeps their place, so that
 * nothing moves when they come. had remembers what was shown: what is gone was removed, and has no place any more.
 */
export function cardsOf(text: string, shown: Preview[], asked: number, had: Set<string>): Card[] {
  const kept = asked > 0 ? links(text).slice(0, asked) : [];
  for (const p of shown) had.add(p.url);
  const awaited = kept.filter((url) => shown.some((p) => p.url === url) || !had.has(url)).map((url) => ({ url, preview: shown.find((p) => p.url === url) }));
  return [...awaited, ...shown.filter((p) => !kept.includes(p.url)).map((preview) => ({ url: preview.url, preview }))];
}
