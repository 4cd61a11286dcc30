import { plain } from './plain';

/** What a message says on one line, for quotes and notices. */
export function excerpt(source: string, most = 140): string {
  const line = plain(source).replace(/\s+/g, ' ').trim();
  const letters = [...line];
  return letters.length > most ? `${letters.slice(0, most).join('')}…` : line;
}
