import { fold } from './fuzzy';

export interface Emoji {
  emoji: string;
  /** Its short names, without the colons. */
  names: string[];
  tags: string[];
  group: number;
}

export interface EmojiData {
  all: Emoji[];
  /** By group, in the order of the Unicode list. */
  groups: Emoji[][];
  byName: Map<string, string>;
}

let loading: Promise<EmojiData> | undefined;

/** The emoji, loaded when they are needed. */
export function loadEmoji(): Promise<EmojiData> {
  loading ??= import('emoji-picker-element-data/en/github/data.json').then((m) => index(m.default), (e: unknown) => {
    loading = undefined;
    throw e;
  });
  return loading;
}

function index(list: { emoji: string; shortcodes?: string[]; tags?: string[]; annotation: string; group: number }[]): EmojiData {
  const all = list.map((e) => ({ emoji: e.emoji, names: e.shortcodes ?? [fold(e.annotation).replaceAll(' ', '_')], tags: e.tags ?? [], group: e.group }));
  const groups: Emoji[][] = [];
  const byName = new Map<string, string>();
  for (const e of all) {
    (groups[e.group] ??= []).push(e);
    for (const name of e.names) byName.set(name, e.emoji);
  }
  return { all, groups: Array.from(groups, (g) => g ?? []), byName };
}

/** The emoji whose names begin with a text, then those that are found by it. */
export function findEmoji(data: EmojiData, query: string, limit: number): Emoji[] {
  const q = fold(query.trim()).replace(/^:|:$/g, '').replaceAll(' ', '_');
  const begins = data.all.filter((e) => e.names.some((n) => n.startsWith(q)));
  const rest = data.all.filter((e) => !begins.includes(e) && (e.names.some((n) => n.includes(q)) || e.tags.some((tag) => tag.startsWith(q))));
  return [...begins, ...rest].slice(0, limit);
}
