import { storedOutbox } from '../database';
import { Outbox, type Outgoing } from '../state/outbox';
import type { Message } from '../wire';
import { newClientId } from './ids';
import type { Logs } from './logs.svelte';
import type { Server } from './server.svelte';

/** How long the echo of an acknowledged message may take, in milliseconds, before it is asked for. */
const ECHO_PATIENCE = 1000;
/** How long a message that nobody answered waits while the connection stands, in milliseconds. */
const UNANSWERED = 1000;

/** The messages on their way: kept until the server has them, in order per room, one in flight per room. */
export class Sending {
  private outbox = new Outbox();
  items = $state.raw<Outgoing[]>([]);
  private timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly server: Server, private readonly logs: Logs, private readonly me: () => string, private readonly hasDraft: (roomId: string) => boolean) {}

  async restore(): Promise<void> {
    for (const item of await storedOutbox.load()) this.outbox.add({ ...item, state: item.state === 'failed' ? 'failed' : 'queued' });
    this.changed();
  }

  private changed(): void {
    this.items = this.outbox.items;
  }

  add(draft: Pick<Outgoing, 'roomId' | 'text' | 'replyTo' | 'mentions' | 'alsoToRoom'>): void {
    const item: Outgoing = { ...draft, clientId: newClientId(), createdAt: Date.now(), state: 'queued' };
    this.outbox.add(item);
    void storedOutbox.put(item);
    this.changed();
    void this.pump(item.roomId);
  }

  retry(clientId: string): void {
    this.outbox.retry(clientId);
    this.changed();
    this.pumpAll();
  }

  discard(clientId: string): void {
    this.outbox.remove(clientId);
    void storedOutbox.remove(clientId);
    this.changed();
  }

  /** Takes a message of one's own out of the outbox: it has arrived. */
  settle(m: Message): void {
    if (!m.clientId || m.userId !== this.me()) return;
    if (!this.outbox.done(m.clientId)) return;
    void storedOutbox.remove(m.clientId);
    this.changed();
  }

  interrupted(): void {
    this.outbox.interrupted();
    this.changed();
  }

  pumpAll(): void {
    for (const roomId of new Set(this.outbox.items.map((i) => i.roomId))) void this.pump(roomId);
  }

  /** Sends what waits for a room, one message at a time. */
  private async pump(roomId: string): Promise<void> {
    for (let item = this.outbox.next(roomId); item && this.server.joined; item = this.outbox.next(roomId)) {
      const { clientId, text, replyTo, mentions, alsoToRoom } = item;
      this.outbox.sending(clientId);
      this.changed();
      const answer = await this.server.ask('chat-message', { text, roomId, clientId, replyTo, mentions, alsoToRoom, dropDraft: this.hasDraft(roomId) || undefined });
      let wait: number | undefined;
      if (!answer) {
        this.outbox.interrupted(clientId);
        if (this.server.joined) wait = UNANSWERED;
      } else if (answer.success) this.accepted(clientId, roomId, answer.seq);
      else {
        wait = this.outbox.refused(clientId, answer, Math.random);
        const now = this.outbox.items.find((i) => i.clientId === clientId);
        if (now) void storedOutbox.put(now);
      }
      this.changed();
      if (wait !== undefined) return this.later(roomId, wait);
    }
  }

  private later(roomId: string, ms: number): void {
    clearTimeout(this.timers.get(roomId));
    this.timers.set(roomId, setTimeout(() => void this.pump(roomId), ms));
  }

  /** The server has it. It stays in sight until its echo does; if that does not come soon, it is fetched. */
  private accepted(clientId: string, roomId: string, seq: number): void {
    void storedOutbox.remove(clientId);
    const log = this.logs.of(roomId);
    if (!log.loaded || log.hasNewer || log.last >= seq) {
      this.outbox.done(clientId);
      return;
    }
    this.outbox.acknowledged(clientId);
    setTimeout(() => {
      if (this.logs.of(roomId).last < seq && this.server.joined) void this.logs.catchUp(roomId);
    }, ECHO_PATIENCE);
  }
}
