/** A piece of a message: plain text, or a link. */
export type Piece = { text: string; href?: string };

const LINK = /\bhttps?:\/\/[^\s<>"'`]+/giu;

/** Cuts a message into text and links. Only http and https become links, and what the URL parser accepts. */
export function pieces(text: string): Piece[] {
  const out: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    const raw = trimLink(match[0]);
    if (!URL.canParse(raw)) continue;
    if (match.index > at) out.push({ text: text.slice(at, match.index) });
    out.push({ text: raw, href: new URL(raw).href });
    at = match.index + raw.length;
  }
  if (at < text.length) out.push({ text: text.slice(at) });
  return out;
}

/** Punctuation that ends a sentence, or closes a bracket opened before the link, is not the link's. */
function trimLink(raw: string): string {
  let link = raw.replace(/[.,;:!?…]+$/u, '');
  while (link.endsWith(')') && link.split('(').length < link.split(')').length) link = link.slice(0, -1);
  return link;
}

/** How many characters the server takes by default. */
export const MAX_CHARACTERS = 4000;

/** The number of characters as the server counts them. */
export function characters(text: string): number {
  return [...text].length;
}
