import type { Personal, PersonalKind } from '../wire';

/** A copy of what a person keeps for themselves: the latest of each, which is the same on all their devices. */
export class PersonalCopy {
  version = 0;

  constructor(readonly items: Map<string, Personal>) {}

  /** Takes a change that came live. 'gap' means that some before it are missing, and must be asked for. */
  receive(p: Personal): 'applied' | 'known' | 'gap' {
    if (p.version <= this.version) return 'known';
    if (p.version > this.version + 1) return 'gap';
    this.version = p.version;
    this.put(p);
    return 'applied';
  }

  /** Takes a page of an answer to what has changed after the copy's version. */
  page(items: Personal[], version: number): void {
    for (const p of items) this.put(p);
    this.version = Math.max(this.version, version);
  }

  clear(): void {
    this.items.clear();
    this.version = 0;
  }

  get(kind: PersonalKind, key = ''): Personal | undefined {
    return this.items.get(`${kind} ${key}`);
  }

  all(kind: PersonalKind): Personal[] {
    return [...this.items.values()].filter((p) => p.kind === kind);
  }

  private put(p: Personal): void {
    const key = `${p.kind} ${p.key}`;
    if ((this.items.get(key)?.version ?? 0) >= p.version) return;
    if (p.gone) this.items.delete(key);
    else this.items.set(key, p);
  }
}

/** Whether a time, as minutes of the day, is between two of HH:MM, perhaps over midnight. */
export function isQuiet(from: string | undefined, to: string | undefined, minute: number): boolean {
  const [a, b] = [minutes(from), minutes(to)];
  if (a === undefined || b === undefined || a === b) return false;
  return a < b ? minute >= a && minute < b : minute >= a || minute < b;
}

function minutes(clock: string | undefined): number | undefined {
  const found = /^(\d\d):(\d\d)$/.exec(clock ?? '');
  return found ? Number(found[1]) * 60 + Number(found[2]) : undefined;
}

/** Whether a text has one of some words, as words. */
export function calls(text: string, words: string[]): boolean {
  const lower = text.toLowerCase();
  return words.some((word) => {
    const w = word.toLowerCase();
    for (let at = lower.indexOf(w); w !== '' && at >= 0; at = lower.indexOf(w, at + 1)) {
      if (!/[\p{L}\p{N}_]/u.test(lower[at - 1] ?? ' ') && !/[\p{L}\p{N}_]/u.test(lower[at + w.length] ?? ' ')) return true;
    }
    return false;
  });
}

/** Whether a room is silent now: for good, or for a while. */
export function isMuted(settings: { level?: string; mutedUntil?: string } | undefined, now: number): boolean {
  return settings?.level === 'none' || (settings?.mutedUntil !== undefined && new Date(settings.mutedUntil).getTime() > now);
}
