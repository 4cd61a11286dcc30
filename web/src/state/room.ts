import type { Entry, LogEvent, LogPayload, Member, Message, MyRoom, Reaction, Receipt } from '../wire';

/** What became of an entry that arrived. */
export type Arrival = 'applied' | 'known' | 'gap';

/** How many messages are kept at most; those that are further from where one reads are forgotten, and can be fetched again. */
export const MAX_KEPT = 800;

/** How many of the newest messages are stored on the device. */
const STORED = 80;

/** How many entries wait at most for one that is missing: it is being asked for. */
const MAX_WAITING = 1000;

interface Waiting {
  event: LogEvent;
  payload: LogPayload;
}

/** A copy as it is stored on the device. */
export interface Snapshot {
  messages: Message[];
  hasOlder: boolean;
  epoch: string;
  last: number;
  lastId: string;
}

/**
 * A copy of a room's log: a contiguous stretch of its messages, kept as PROTOCOL.md says. What is shown can have no hole, and nothing in
 * it can be older than what the last entry says. The stretch ends with the log, unless hasNewer: then somebody reads further back.
 */
export class RoomLog {
  messages: Message[] = [];
  members = new Map<string, Member>();
  receipts = new Map<string, { readSeq: number; deliveredSeq: number }>();
  hasOlder = false;
  hasNewer = false;
  loaded = false;
  epoch = '';
  last = 0;
  lastId = '';
  private waiting = new Map<number, Waiting>();

  /** Replaces everything with the newest page, read when the log ended at head. */
  reset(page: Message[], hasMore: boolean, head: number, epoch: string): void {
    this.messages = [...page];
    this.hasOlder = hasMore;
    this.hasNewer = false;
    this.epoch = epoch;
    this.last = head;
    this.lastId = page.at(-1)?.seq === head ? (page.at(-1)?.id ?? '') : '';
    this.loaded = true;
    this.drain();
  }

  /** Takes an entry. 'gap' means that some before it are missing, and must be asked for. */
  receive(event: LogEvent, payload: LogPayload): Arrival {
    if (payload.seq <= this.last && this.loaded) return 'known';
    if (this.waiting.size < MAX_WAITING) this.waiting.set(payload.seq, { event, payload });
    if (!this.loaded) return 'known';
    const before = this.last;
    this.drain();
    return this.last > before ? 'applied' : 'gap';
  }

  private drain(): void {
    for (let next = this.waiting.get(this.last + 1); next; next = this.waiting.get(this.last + 1)) this.apply(next.event, next.payload);
    for (const seq of this.waiting.keys()) if (seq <= this.last) this.waiting.delete(seq);
  }

  private apply(event: LogEvent, payload: LogPayload): void {
    this.last = payload.seq;
    this.lastId = payload.id;
    if (event === 'new-message') {
      const m = payload as Message;
      if (!this.hasNewer && m.seq > this.newestSeq) this.messages = [...this.messages, m];
      return;
    }
    const entry = payload as Entry;
    if (entry.message) this.replace(entry.message);
    if (!entry.member) return;
    if (event === 'member-left') this.members.delete(entry.member.userId);
    else this.members.set(entry.member.userId, entry.member);
  }

  /** Puts a message in the place of what it was, unless that is newer. Quotes of it show what it says now. */
  replace(m: Message): void {
    this.messages = this.messages.map((old) => {
      if (old.id === m.id) return version(m) >= version(old) ? m : old;
      if (old.replyTo?.id === m.id) return { ...old, replyTo: { ...old.replyTo, text: m.text.slice(0, 140) } };
      return old;
    });
  }

  /** Takes a page that precedes what is there. */
  prepend(page: Message[], hasMore: boolean): void {
    const first = this.messages[0]?.seq ?? Infinity;
    this.messages = [...page.filter((m) => m.seq < first), ...this.messages];
    this.hasOlder = hasMore;
    if (this.messages.length <= MAX_KEPT) return;
    this.messages = this.messages.slice(0, MAX_KEPT);
    this.hasNewer = true;
  }

  /** Takes a page that follows what is there. Without hasMore it reaches the end of the log. */
  append(page: Message[], hasMore: boolean): void {
    const newest = this.newestSeq;
    this.messages = [...this.messages, ...page.filter((m) => m.seq > newest)];
    this.hasNewer = hasMore;
    this.trim();
  }

  /** Shows a page from anywhere in the log in the place of what is there. */
  show(page: Message[], hasNewer: boolean): void {
    this.messages = [...page];
    this.hasOlder = true; // whether it is so is found out when one scrolls there
    this.hasNewer = hasNewer;
  }

  get firstSeq(): number {
    return this.messages[0]?.seq ?? 0;
  }

  get newestSeq(): number {
    return this.messages.at(-1)?.seq ?? 0;
  }

  /** Forgets the oldest messages when there are many; they can be fetched again. */
  trim(): void {
    if (this.messages.length <= MAX_KEPT) return;
    this.messages = this.messages.slice(-MAX_KEPT);
    this.hasOlder = true;
  }

  /** What is worth storing on the device: nothing, unless the copy is whole up to its end. */
  snapshot(): Snapshot | undefined {
    if (!this.loaded || this.hasNewer) return undefined;
    const messages = this.messages.slice(-STORED);
    return { messages, hasOlder: this.hasOlder || messages.length < this.messages.length, epoch: this.epoch, last: this.last, lastId: this.lastId };
  }

  /** Takes over what was stored. What has happened since is asked for. */
  restore(s: Snapshot): void {
    Object.assign(this, { ...s, hasNewer: false, loaded: true });
    this.drain();
  }

  /** Shows a person under their present name. */
  rename(userId: string, username: string): void {
    const member = this.members.get(userId);
    if (member) this.members.set(userId, { ...member, username });
    this.messages = this.messages.map((m) => {
      const replyTo = m.replyTo?.userId === userId ? { ...m.replyTo, username } : m.replyTo;
      return m.userId === userId || replyTo !== m.replyTo ? { ...m, username: m.userId === userId ? username : m.username, replyTo } : m;
    });
  }

  heardReceipt(r: Receipt): void {
    this.receipts.set(r.userId, { readSeq: r.readSeq, deliveredSeq: r.deliveredSeq });
  }

  /** What has become of a message of one's own: whether others have it, or have read it. */
  progress(seq: number, me: string): 'sent' | 'delivered' | 'read' {
    let state: 'sent' | 'delivered' | 'read' = 'sent';
    for (const [userId, r] of this.receipts) {
      if (userId === me) continue;
      if (r.readSeq >= seq) return 'read';
      if (r.deliveredSeq >= seq) state = 'delivered';
    }
    return state;
  }
}

function version(m: Message): number {
  return m.version ?? m.seq;
}

/** The reactions under a message, with whether one's own is among them. */
export function reactionsOf(m: { reactions?: Reaction[] }, me: string): { emoji: string; count: number; mine: boolean }[] {
  return (m.reactions ?? []).map((r) => ({ emoji: r.emoji, count: r.userIds.length, mine: r.userIds.includes(me) }));
}

/** What a room is called: direct conversations by those who are in them. */
export function roomName(room: MyRoom, nobody = 'Nobody else'): string {
  if (room.kind !== 'direct' && room.kind !== 'group') return room.name;
  return room.peers?.map((p) => p.username).join(', ') || nobody;
}

/** The sidebar's order: favourites and rooms by name, the lobby first; direct conversations by their last message. */
export function sortRooms(rooms: MyRoom[]): { favourites: MyRoom[]; rooms: MyRoom[]; direct: MyRoom[] } {
  const isDirect = (r: MyRoom) => r.kind === 'direct' || r.kind === 'group';
  const isFavourite = (r: MyRoom) => r.settings?.favourite === true && !r.archivedAt;
  return {
    favourites: rooms.filter(isFavourite).sort((a, b) => roomName(a).localeCompare(roomName(b))),
    rooms: rooms.filter((r) => !isDirect(r) && !isFavourite(r) && !r.archivedAt).sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name)),
    direct: rooms.filter((r) => isDirect(r) && !isFavourite(r)).sort((a, b) => (b.lastAt ?? '').localeCompare(a.lastAt ?? '') || a.roomId.localeCompare(b.roomId)),
  };
}

function rank(r: MyRoom): number {
  return r.roomId === 'general' ? 0 : 1;
}
