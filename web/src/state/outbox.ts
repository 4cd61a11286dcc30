import type { Refusal } from '../wire';

export type SendState = 'queued' | 'sending' | 'sent' | 'failed';

/** A message that the server has not acknowledged yet. Its client id never changes, which makes sending again safe. */
export interface Outgoing {
  clientId: string;
  roomId: string;
  text: string;
  /** Id of the message that it answers. */
  replyTo?: string;
  /** Ids of people that were picked by name. */
  mentions?: string[];
  /** Of a reply in a thread: whether it is sent to the thread's room too. */
  alsoToRoom?: boolean;
  /** Milliseconds since 1970, when it was written. */
  createdAt: number;
  state: SendState;
  error?: string;
}

const MAX_BACKOFF = 30_000;

/** The messages on their way, in the order in which they were written: one in flight per room, so they arrive in that order. */
export class Outbox {
  items: Outgoing[] = [];
  private failures = 0;

  add(item: Outgoing): void {
    if (!this.items.some((i) => i.clientId === item.clientId)) this.items = [...this.items, item];
  }

  /** The message to send to a room now: the oldest, unless one is in flight already. */
  next(roomId: string): Outgoing | undefined {
    const here = this.items.filter((i) => i.roomId === roomId);
    if (here.some((i) => i.state === 'sending')) return undefined;
    return here.find((i) => i.state === 'queued');
  }

  sending(clientId: string): void {
    this.set(clientId, { state: 'sending', error: undefined });
  }

  /** The server has it: by its acknowledgement, or by its echo, whichever came first. */
  done(clientId: string): boolean {
    const had = this.items.some((i) => i.clientId === clientId);
    if (had) {
      this.items = this.items.filter((i) => i.clientId !== clientId);
      this.failures = 0;
    }
    return had;
  }

  /** The server has it; it stays until its echo stands in the timeline, so that it is never out of sight. */
  acknowledged(clientId: string): void {
    this.failures = 0;
    this.set(clientId, { state: 'sent', error: undefined });
  }

  /** The connection went before the answer came: nobody knows, so it is to be sent again under the same id. */
  interrupted(clientId?: string): void {
    this.items = this.items.map((i) => (i.state === 'sending' && (!clientId || i.clientId === clientId) ? { ...i, state: 'queued' } : i));
  }

  /** Takes a refusal and returns the milliseconds to wait before the next attempt, or undefined when there will be none. */
  refused(clientId: string, why: Refusal, random: () => number): number | undefined {
    if (!['rate-limited', 'unavailable', 'retry', 'internal'].includes(why.code)) {
      this.set(clientId, { state: 'failed', error: why.error });
      return undefined;
    }
    this.set(clientId, { state: 'queued', error: why.error });
    this.failures++;
    const backoff = Math.min(MAX_BACKOFF, 500 * 2 ** Math.min(this.failures, 10));
    return Math.max((why.retryAfter ?? 0) * 1000, why.code === 'rate-limited' ? 0 : backoff / 2) + random() * 500;
  }

  retry(clientId: string): void {
    this.set(clientId, { state: 'queued', error: undefined });
  }

  remove(clientId: string): void {
    this.items = this.items.filter((i) => i.clientId !== clientId);
  }

  private set(clientId: string, change: Partial<Outgoing>): void {
    this.items = this.items.map((i) => (i.clientId === clientId ? { ...i, ...change } : i));
  }
}
