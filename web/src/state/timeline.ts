import type { Message } from '../wire';

/** What became of a message that arrived. */
export type Arrival = 'added' | 'known' | 'gap';

/** How many messages are kept, and how many remain when there are more. */
const MAX_KEPT = 400;
const KEEP = 300;

/** A contiguous stretch of a room's log, oldest first: what is shown can have no hole. */
export class Timeline {
  messages: Message[] = [];
  hasOlder = false;

  get lastSeq(): number {
    return this.messages.at(-1)?.seq ?? 0;
  }

  get firstSeq(): number {
    return this.messages[0]?.seq ?? 0;
  }

  /** Replaces everything with the newest page. */
  reset(page: Message[], hasMore: boolean): void {
    this.messages = [...page];
    this.hasOlder = hasMore;
  }

  /** Takes a live message. 'gap' means that messages before it are missing, and must be fetched first. */
  receive(m: Message): Arrival {
    if (m.seq <= this.lastSeq) return 'known';
    if (m.seq > this.lastSeq + 1) return 'gap';
    this.messages = [...this.messages, m];
    return 'added';
  }

  /** Takes a page that follows what is there. */
  append(page: Message[]): void {
    const fresh = page.filter((m) => m.seq > this.lastSeq);
    if (fresh.length > 0) this.messages = [...this.messages, ...fresh];
  }

  /** Takes a page that precedes what is there. */
  prepend(page: Message[], hasMore: boolean): void {
    const older = page.filter((m) => this.messages.length === 0 || m.seq < this.firstSeq);
    this.messages = [...older, ...this.messages];
    this.hasOlder = hasMore;
  }

  /** Forgets the oldest messages when there are many; they can be fetched again. */
  trim(): void {
    if (this.messages.length <= MAX_KEPT) return;
    this.messages = this.messages.slice(-KEEP);
    this.hasOlder = true;
  }

  /** Shows a person's messages under their present name. */
  rename(userId: string, username: string): void {
    this.messages = this.messages.map((m) => (m.userId === userId ? { ...m, username } : m));
  }
}
