/** What is searched for, as the panel's fields have it. */
export interface Filters {
  words: string;
  /** A person's name. */
  from: string;
  /** Days, as 2026-01-31. */
  after: string;
  before: string;
  link: boolean;
  mentions: boolean;
  /** Only in the room that is open. */
  here: boolean;
}

/** The query as the server takes it; empty when nothing is asked for. */
export function writeQuery(f: Filters): string {
  const parts = [f.words.trim()];
  const from = f.from.trim().replace(/^@/, '');
  if (from) parts.push(`from:${/\s/.test(from) ? `"${from.replaceAll('"', '')}"` : from}`);
  if (f.after) parts.push(`after:${f.after}`);
  if (f.before) parts.push(`before:${f.before}`);
  if (f.link) parts.push('has:link');
  if (f.mentions) parts.push('mentions:me');
  return parts.filter((p) => p !== '').join(' ');
}
