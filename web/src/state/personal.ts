import type { Payload, Personal, PersonalKind } from '../wire';

/** A copy of what a person keeps for themselves: the latest of each, which is the same on all their devices. */
export class PersonalCopy {
  version = 0;

  /** wishes are the changes that the server has not been told of yet: they are seen in the place of what it has. */
  constructor(readonly items: Map<string, Personal>, readonly wishes = new Map<string, Personal>()) {}

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
    this.wishes.clear();
    this.version = 0;
  }

  get(kind: PersonalKind, key = ''): Personal | undefined {
    const at = `${kind} ${key}`;
    const wish = this.wishes.get(at);
    return wish ? (wish.gone ? undefined : wish) : this.items.get(at);
  }

  all(kind: PersonalKind): Personal[] {
    const all = this.wishes.size > 0 ? new Map([...this.items, ...this.wishes]) : this.items;
    return [...all.values()].filter((p) => p.kind === kind && !p.gone);
  }

  wish(p: Personal): void {
    this.wishes.set(`${p.kind} ${p.key}`, p);
  }

  /** A wish was told, or refused: what the server has counts again. */
  granted(p: Personal): void {
    this.wishes.delete(`${p.kind} ${p.key}`);
  }

  private put(p: Personal): void {
    const key = `${p.kind} ${p.key}`;
    if ((this.items.get(key)?.version ?? 0) >= p.version) return;
    if (p.gone) this.items.delete(key);
    else this.items.set(key, p);
  }
}

/** What can be wished for without a connection, because it does no harm later, and again. */
export type WishName = 'draft-set' | 'message-save' | 'room-notify' | 'person-block' | 'reminder-set' | 'reminder-done';
export type Wish = { [K in WishName]: { event: K; payload: Payload<K> } }[WishName];

const WISHES: readonly string[] = ['draft-set', 'message-save', 'room-notify', 'person-block', 'reminder-set', 'reminder-done'] satisfies WishName[];

export const isWish = (w: { event: string; payload: object }): w is Wish => WISHES.includes(w.event);

/** What will be kept once a wish is granted; what there is now is changed, not replaced. */
export function wished({ event, payload: p }: Wish, copy: PersonalCopy): Personal {
  const of = (kind: PersonalKind, key: string, rest: Partial<Personal>): Personal => ({ version: 0, kind, key, at: new Date().toISOString(), ...rest });
  switch (event) {
    case 'draft-set':
      return of('draft', p.roomId ?? 'general', p.text ? { draft: { roomId: p.roomId ?? 'general', text: p.text } } : { gone: true });
    case 'message-save':
      return of('saved', p.messageId ?? '', p.on === false ? { gone: true } : { saved: { roomId: p.roomId ?? 'general', messageId: p.messageId ?? '' } });
    case 'room-notify': {
      const { roomId = 'general', ...change } = p;
      return of('room', roomId, { room: { ...copy.get('room', roomId)?.room, ...change } });
    }
    case 'person-block':
      return of('block', p.userId ?? '', p.on === false ? { gone: true } : { block: { ignore: p.ignore ?? false } });
    case 'reminder-set':
      return of('reminder', p.key ?? '', { reminder: { text: p.text, roomId: p.roomId, messageId: p.messageId, at: p.at ?? '' } });
    case 'reminder-done':
      return of('reminder', p.key ?? '', { gone: true });
  }
}

/** Adds a wish to others, of which one that was about the same is not needed any more. */
export function addWish(wishes: Wish[], wish: Wish, copy: PersonalCopy): Wish[] {
  const { kind, key } = wished(wish, copy);
  const same = (w: Wish) => {
    const other = wished(w, copy);
    return other.kind === kind && other.key === key;
  };
  const before = wishes.find((w) => w.event === wish.event && same(w));
  // Of a room's settings each is wished for by itself.
  const now = wish.event === 'room-notify' && before?.event === 'room-notify' ? { ...wish, payload: { ...before.payload, ...wish.payload } } : wish;
  return [...wishes.filter((w) => !same(w)), now];
}

/** Whether a room is silent now: for good, or for a while. */
export function isMuted(settings: { level?: string; mutedUntil?: string } | undefined, now: number): boolean {
  return settings?.level === 'none' || (settings?.mutedUntil !== undefined && new Date(settings.mutedUntil).getTime() > now);
}
