import { Connection } from './connection.svelte';
import { nickname } from './state/names';
import { Outbox, type Outgoing } from './state/outbox';
import { layout } from './state/rows';
import { Timeline } from './state/timeline';
import { Typists } from './state/typing';
import { recall, remember, storedOutbox } from './storage';
import type { Joined, Message, Person, Refusal } from './wire';

export const ROOM = 'general';
export const MAX_CHARACTERS = 4000;
const PAGE = 40;
const CATCH_UP_PAGE = 300;
const ACK_TIMEOUT = 20_000;
const TYPING_INTERVAL = 3000;
/** How long the echo of an acknowledged message may take, in milliseconds, before it is asked for. */
const ECHO_PATIENCE = 1000;

/** 128 random bits. Not randomUUID: that exists only where the page came over TLS. */
function newClientId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/** The conversation: what the views show, and what they can do. */
export class Chat {
  me = $state({ userId: recall('userId') ?? '', username: recall('name') ?? nickname(Math.random) });
  people = $state<Person[]>([]);
  online = $state(0);
  typing = $state<string[]>([]);
  loading = $state(true);
  loadingOlder = $state(false);
  nameError = $state('');
  unread = $state(0);
  newSeq = $state(0);
  /** Counts messages of others as they arrive, for the announcer. */
  arrived = $state<Message[]>([]);
  readonly connection: Connection;

  private timeline = $state.raw(new Timeline());
  private version = $state(0);
  private outbox = new Outbox();
  private typists = new Typists();
  private epoch = recall('epoch') ?? '';
  private joined = false;
  private catching: Promise<void> | undefined;
  private highest = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private typingTold = 0;

  days = $derived.by(() => {
    void this.version;
    return layout(this.timeline.messages, this.outbox.items, this.me, this.newSeq);
  });
  hasOlder = $derived.by(() => {
    void this.version;
    return this.timeline.hasOlder;
  });

  constructor() {
    remember('name', this.me.username);
    this.connection = new Connection(() => void this.up(), () => this.down());
    const socket = this.connection.socket;
    socket.on('new-message', (m) => this.received(m));
    socket.on('user-joined', (p) => this.came(p, p.online));
    socket.on('user-left', (p) => this.went(p, p.online));
    socket.on('user-renamed', (p) => this.renamed(p));
    socket.on('typing-indicator', (t) => {
      this.typists.heard(t, Date.now());
      this.typing = this.typists.names(Date.now());
    });
    setInterval(() => {
      const names = this.typists.names(Date.now());
      if (names.join() !== this.typing.join()) this.typing = names;
    }, 500);
    document.addEventListener('visibilitychange', () => this.visibility());
    void this.start();
  }

  private async start(): Promise<void> {
    for (const item of await storedOutbox.load()) this.outbox.add({ ...item, state: item.state === 'failed' ? 'failed' : 'queued' });
    this.changed();
    this.connection.open();
  }

  private changed(): void {
    this.version++;
  }

  private async up(): Promise<void> {
    const answer = await this.ask<Joined>('user-join', { username: this.me.username });
    if (!answer) return;
    if (!answer.success) {
      if (answer.code === 'invalid') {
        this.me.username = nickname(Math.random);
        remember('name', this.me.username);
      }
      this.retryLater(() => void this.up(), (answer.retryAfter ?? 1) * 1000);
      return;
    }
    this.joined = true;
    this.me = { userId: answer.userId, username: answer.username };
    if (answer.token) remember('token', answer.token);
    remember('userId', answer.userId);
    this.people = answer.online;
    this.online = answer.online.length;
    if (answer.epoch !== this.epoch) { // another log: a restored backup, a new server
      if (this.epoch !== '') this.timeline = new Timeline();
      this.epoch = answer.epoch;
      remember('epoch', answer.epoch);
      remember('read', null);
    }
    await this.catchUp();
    void this.pump();
  }

  private down(): void {
    this.joined = false;
    this.outbox.interrupted();
    this.changed();
  }

  /** Asks the server. Without an answer, because the connection went, it returns undefined: the next one asks anew. */
  private async ask<T>(event: string, payload: object): Promise<T | Refusal | undefined> {
    try {
      // The event's type is the caller's word: the library's types cannot follow a name that varies.
      const socket = this.connection.socket as unknown as {
        timeout(ms: number): { emitWithAck(event: string, payload: object): Promise<T | Refusal> };
      };
      return await socket.timeout(ACK_TIMEOUT).emitWithAck(event, payload);
    } catch {
      return undefined;
    }
  }

  private retryLater(fn: () => void, ms: number): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(fn, ms);
  }

  /** Fetches what is missing at the end, until nothing is. Only one of these runs at a time. */
  private catchUp(): Promise<void> {
    this.catching ??= this.fetchNewer().finally(() => {
      this.catching = undefined;
    });
    return this.catching;
  }

  private async fetchNewer(): Promise<void> {
    for (let more = true; more;) {
      const empty = this.timeline.messages.length === 0;
      const answer = await this.ask<{ success: true; messages: Message[]; hasMore: boolean }>(
        'room-history',
        empty ? { roomId: ROOM, limit: PAGE } : { roomId: ROOM, afterSeq: this.timeline.lastSeq, limit: CATCH_UP_PAGE },
      );
      if (!answer) return;
      if (!answer.success) {
        this.retryLater(() => void this.catchUp(), (answer.retryAfter ?? 2) * 1000);
        return;
      }
      if (empty) this.timeline.reset(answer.messages, answer.hasMore);
      else this.timeline.append(answer.messages);
      more = (!empty && answer.hasMore) || (answer.messages.length > 0 && this.timeline.lastSeq < this.highest);
      for (const m of answer.messages) this.settle(m);
      if (!empty) this.note(answer.messages);
      else this.markOpened();
      this.loading = false;
      this.changed();
    }
  }

  /** Loads the page before the oldest message. */
  async loadOlder(): Promise<void> {
    if (this.loadingOlder || !this.timeline.hasOlder || !this.joined) return;
    this.loadingOlder = true;
    const answer = await this.ask<{ success: true; messages: Message[]; hasMore: boolean }>(
      'room-history', { roomId: ROOM, beforeSeq: this.timeline.firstSeq, limit: PAGE });
    if (answer?.success) this.timeline.prepend(answer.messages, answer.hasMore);
    this.loadingOlder = false;
    this.changed();
  }

  private received(m: Message): void {
    if (m.roomId !== ROOM) return;
    this.highest = Math.max(this.highest, m.seq);
    this.typists.gone(m.userId);
    this.settle(m);
    const arrival = this.loading ? 'gap' : this.timeline.receive(m);
    if (arrival === 'gap' && this.joined) void this.catchUp();
    if (arrival === 'added') this.note([m]);
    this.changed();
  }

  /** Takes a message of one's own out of the outbox: it has arrived. */
  private settle(m: Message): void {
    if (!m.clientId || m.userId !== this.me.userId) return;
    if (this.outbox.done(m.clientId)) void storedOutbox.remove(m.clientId);
  }

  private note(messages: Message[]): void {
    const others = messages.filter((m) => m.userId !== this.me.userId);
    if (others.length > 0) this.arrived = others;
    if (document.hidden) {
      if (this.newSeq === 0 && others[0]) this.newSeq = others[0].seq;
      this.unread += others.length;
    } else remember('read', String(this.timeline.lastSeq));
  }

  /** On opening, the line of what is new stands after what was read last time. */
  private markOpened(): void {
    const read = Number(recall('read') ?? 0);
    const first = this.timeline.messages.find((m) => m.seq > read && m.userId !== this.me.userId);
    if (read > 0 && first) this.newSeq = first.seq;
    if (!document.hidden) remember('read', String(this.timeline.lastSeq));
  }

  private visibility(): void {
    if (document.hidden) {
      this.newSeq = 0;
      return;
    }
    this.unread = 0;
    remember('read', String(this.timeline.lastSeq));
  }

  trim(): void {
    this.timeline.trim();
    this.changed();
  }

  send(text: string): void {
    const item: Outgoing = {
      clientId: newClientId(), roomId: ROOM, text: text.trim(), createdAt: Date.now(), state: 'queued',
    };
    this.outbox.add(item);
    void storedOutbox.put(item);
    this.newSeq = 0;
    this.typingTold = 0;
    this.changed();
    void this.pump();
  }

  retry(clientId: string): void {
    this.outbox.retry(clientId);
    this.changed();
    void this.pump();
  }

  discard(clientId: string): void {
    this.outbox.remove(clientId);
    void storedOutbox.remove(clientId);
    this.changed();
  }

  /** Sends what waits, one message at a time. */
  private async pump(): Promise<void> {
    for (let item = this.outbox.next(); item && this.joined; item = this.outbox.next()) {
      const { clientId, roomId, text } = item;
      this.outbox.sending(clientId);
      this.changed();
      const answer = await this.ask<{ success: true; seq: number }>('chat-message', { text, roomId, clientId });
      let wait: number | undefined;
      if (!answer) this.outbox.interrupted();
      else if (answer.success) {
        void storedOutbox.remove(clientId);
        if (this.timeline.lastSeq >= answer.seq) this.outbox.done(clientId);
        else this.acknowledged(clientId, answer.seq);
      } else {
        wait = this.outbox.refused(clientId, answer, Math.random);
        const now = this.outbox.items.find((i) => i.clientId === clientId);
        if (now) void storedOutbox.put(now);
      }
      this.changed();
      if (!answer && this.joined) wait = 1000;
      if (wait !== undefined) {
        setTimeout(() => void this.pump(), wait);
        return;
      }
    }
  }

  /** The server has it, but its echo has not come yet. If it does not come soon, it is fetched. */
  private acknowledged(clientId: string, seq: number): void {
    this.highest = Math.max(this.highest, seq);
    setTimeout(() => {
      if (this.timeline.lastSeq < seq && this.joined) void this.catchUp();
    }, ECHO_PATIENCE);
    this.outbox.acknowledged(clientId);
  }

  tellTyping(typing: boolean): void {
    if (!this.joined || (typing && Date.now() - this.typingTold < TYPING_INTERVAL) || (!typing && this.typingTold === 0)) return;
    this.typingTold = typing ? Date.now() : 0;
    this.connection.socket.emit('typing-indicator', { roomId: ROOM, typing });
  }

  async rename(name: string): Promise<boolean> {
    this.nameError = '';
    const username = name.trim();
    if (!this.joined) { // it is told at the next connection
      this.me = { ...this.me, username };
      remember('name', username);
      return true;
    }
    const answer = await this.ask<Joined>('user-join', { username });
    if (!answer) this.nameError = 'No connection';
    else if (!answer.success) this.nameError = answer.error;
    else {
      this.me = { userId: answer.userId, username: answer.username };
      remember('name', answer.username);
      return true;
    }
    return false;
  }

  private came(p: Person, online: number): void {
    this.people = [...this.people.filter((x) => x.userId !== p.userId), { userId: p.userId, username: p.username }];
    this.online = online;
  }

  private went(p: Person, online: number): void {
    this.people = this.people.filter((x) => x.userId !== p.userId);
    this.typists.gone(p.userId);
    this.online = online;
  }

  private renamed(p: Person): void {
    this.people = this.people.map((x) => (x.userId === p.userId ? p : x));
    this.timeline.rename(p.userId, p.username);
    if (p.userId === this.me.userId) { // in another tab, perhaps
      this.me = p;
      remember('name', p.username);
    }
    this.changed();
  }
}
