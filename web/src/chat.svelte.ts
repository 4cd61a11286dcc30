import { SvelteMap } from 'svelte/reactivity';
import { Connection } from './connection.svelte';
import { nickname } from './state/names';
import { Outbox, type Outgoing } from './state/outbox';
import { RoomLog, roomName, sortRooms } from './state/room';
import { layout } from './state/rows';
import { Typists } from './state/typing';
import { recall, remember, storedOutbox } from './storage';
import { LOG_EVENTS, type Answer, type Hit, type Joined, type Listed, type LogEvent, type LogPayload, type Message, type MyRoom, type Payload, type Person, type PersonHere, type Receipt, type RequestName, type Role } from './wire';

export const LOBBY = 'general';
export const MAX_CHARACTERS = 4000;
const PAGE = 40;
const ACK_TIMEOUT = 20_000;
const TYPING_INTERVAL = 3000;
/** How long the echo of an acknowledged message may take, in milliseconds, before it is asked for. */
const ECHO_PATIENCE = 1000;
/** How long a message must have been in sight, in milliseconds, to count as read. */
const READ_AFTER = 500;
const DELIVERED_AFTER = 1000;
/** In larger rooms receipts are not told as they come, and ticks would stay behind. */
const RECEIPTS_UP_TO = 100;

/** 128 random bits. Not randomUUID: that exists only where the page came over TLS. */
function newClientId(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/** What the composer is at, besides writing a new message. */
export type Composing = { mode: 'reply' | 'edit'; message: Message };

interface Me {
  userId: string;
  username: string;
  login: string;
  role: Role;
}

/** An account to be used at the next connection, and who waits for what comes of it. */
interface Credentials {
  event: 'account-login' | 'account-create';
  name: string;
  password: string;
  invitation?: string;
  done: (problem: string) => void;
}

/** The conversations: what the views show, and what they can do. */
export class Chat {
  me = $state<Me>({ userId: recall('userId') ?? '', username: recall('name') ?? nickname(Math.random), login: '', role: 'guest' });
  rooms = new SvelteMap<string, MyRoom>();
  current = $state(recall('room') ?? LOBBY);
  people = $state<PersonHere[]>([]);
  online = $state(0);
  presence = new SvelteMap<string, string>();
  typing = $state<string[]>([]);
  loading = $state(true);
  loadingOlder = $state(false);
  nameError = $state('');
  newSeq = $state(0);
  composing = $state<Composing | undefined>();
  /** Set when the server admits nobody without an account: why not. */
  gate = $state('');
  /** Counts messages of others as they arrive, for the announcer. */
  arrived = $state<Message[]>([]);
  readonly connection: Connection;

  private logs = new Map<string, RoomLog>();
  private version = $state(0);
  private outbox = new Outbox();
  private typists = new Typists();
  private joined = false;
  private catching = new Map<string, Promise<void>>();
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private readTimer: ReturnType<typeof setTimeout> | undefined;
  private deliveredTimer: ReturnType<typeof setTimeout> | undefined;
  private delivered = new Map<string, number>();
  private typingTold = 0;
  private credentials: Credentials | undefined;

  room = $derived(this.rooms.get(this.current));
  title = $derived(this.room ? roomName(this.room) : 'General');
  sorted = $derived(sortRooms([...this.rooms.values()]));
  unread = $derived([...this.rooms.values()].reduce((n, r) => n + r.unread, 0));
  days = $derived.by(() => {
    void this.version;
    return layout(this.log.messages, this.outbox.items.filter((i) => i.roomId === this.current), this.me, this.newSeq);
  });
  hasOlder = $derived.by(() => {
    void this.version;
    return this.log.hasOlder;
  });
  members = $derived.by(() => {
    void this.version;
    return [...this.log.members.values()].sort((a, b) => a.username.localeCompare(b.username));
  });
  mayModerate = $derived.by(() => {
    const room = this.room;
    if (!room || room.kind === 'direct' || room.kind === 'group') return false;
    return room.role !== 'member' || ['owner', 'admin', 'moderator'].includes(this.me.role);
  });
  /** Whether one may write here: announcements are their moderators'. */
  mayWrite = $derived(this.room?.kind !== 'announcement' || this.mayModerate);

  constructor() {
    remember('name', this.me.username);
    this.connection = new Connection(() => void this.up(), () => this.down());
    const socket = this.connection.socket;
    for (const event of LOG_EVENTS) socket.on(event, (payload: LogPayload) => this.heard(event, payload));
    socket.on('user-joined', (p) => this.came(p, p.online));
    socket.on('user-left', (p) => this.went(p, p.online));
    socket.on('user-renamed', (p) => this.renamed(p));
    socket.on('user-updated', ({ person }) => this.updated(person));
    socket.on('presence', (p) => this.presence.set(p.userId, p.presence));
    socket.on('room-added', ({ roomId }) => void this.refresh(roomId));
    socket.on('room-removed', ({ roomId }) => this.removed(roomId));
    socket.on('room-read', (r) => this.readElsewhere(r));
    socket.on('receipt', (r) => {
      this.logs.get(r.roomId)?.heardReceipt(r);
      this.changed();
    });
    socket.on('session-ended', () => remember('token', null));
    socket.on('typing-indicator', (t) => {
      this.typists.heard(t, Date.now());
      this.typing = this.typists.names(this.current, Date.now());
    });
    setInterval(() => {
      const names = this.typists.names(this.current, Date.now());
      if (names.join() !== this.typing.join()) this.typing = names;
    }, 500);
    document.addEventListener('visibilitychange', () => this.visibility());
    void this.start();
  }

  private get log(): RoomLog {
    return this.logOf(this.current);
  }

  private logOf(roomId: string): RoomLog {
    let log = this.logs.get(roomId);
    if (!log) {
      log = new RoomLog();
      this.logs.set(roomId, log);
    }
    return log;
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
    const using = this.credentials;
    const answer = using
      ? await this.ask(using.event, { name: using.name, password: using.password, invitation: using.invitation })
      : await this.ask('user-join', this.me.login ? {} : { username: this.me.username });
    if (!answer) return;
    this.credentials = undefined;
    if (!answer.success) {
      if (using) {
        using.done(answer.error);
        void this.up();
        return;
      }
      this.refusedToJoin(answer);
      return;
    }
    using?.done('');
    await this.welcome(answer);
  }

  private refusedToJoin(why: { code: string; error: string; retryAfter?: number }): void {
    if (why.code === 'unauthenticated') {
      if (this.me.login) { // the account's session is over: a guest again, or the gate
        this.me.login = '';
        void this.up();
      } else this.gate = why.error;
      return;
    }
    if (why.code === 'invalid') {
      this.me.username = nickname(Math.random);
      remember('name', this.me.username);
    }
    this.retryLater(() => void this.up(), (why.retryAfter ?? 1) * 1000);
  }

  private async welcome(answer: Joined): Promise<void> {
    if (answer.userId !== this.me.userId) this.logs.clear(); // somebody else sees other things
    this.joined = true;
    this.gate = '';
    this.me = { userId: answer.userId, username: answer.username, login: answer.login ?? '', role: answer.role };
    if (answer.token) {
      remember('token', answer.token);
      void this.keepSession(answer.token);
    }
    remember('userId', answer.userId);
    this.people = answer.online;
    this.online = answer.online.length;
    const mine = new Set(answer.rooms.map((r) => r.roomId));
    for (const id of this.rooms.keys()) if (!mine.has(id)) this.removed(id);
    for (const r of answer.rooms) this.rooms.set(r.roomId, r);
    for (const [id, log] of this.logs) if (id !== this.current) log.loaded = false; // read anew when they are opened
    if (!mine.has(this.current)) this.current = LOBBY;
    await this.followLink();
    await this.catchUp(this.current);
    this.markOpened();
    void this.pump();
  }

  /** Puts the session into a cookie, which scripts cannot read; until that has worked the token is kept where they can. */
  private async keepSession(token: string): Promise<void> {
    try {
      const res = await fetch('/api/session', { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
      if (res.ok) remember('token', null);
    } catch {
      // It stays where it is.
    }
  }

  private down(): void {
    this.joined = false;
    this.outbox.interrupted();
    this.changed();
  }

  /** Asks the server. Without an answer, because the connection went, it returns undefined: the next one asks anew. */
  async ask<K extends RequestName>(event: K, payload: Payload<K>): Promise<Answer<K> | undefined> {
    try {
      // The library's types cannot follow a name that varies.
      const socket = this.connection.socket as unknown as {
        timeout(ms: number): { emitWithAck(event: string, payload: unknown): Promise<Answer<K>> };
      };
      return await socket.timeout(ACK_TIMEOUT).emitWithAck(event, payload);
    } catch {
      return undefined;
    }
  }

  /** Asks, and returns what is wrong, for a form to show; nothing when it was done. */
  async attempt<K extends RequestName>(event: K, payload: Payload<K>): Promise<string> {
    const answer = await this.ask(event, payload);
    if (!answer) return 'No connection: try again';
    return answer.success ? '' : answer.error;
  }

  private retryLater(fn: () => void, ms: number): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(fn, ms);
  }

  /** Brings a room's copy up to date. Only one of these runs at a time for a room. */
  private catchUp(roomId: string): Promise<void> {
    let running = this.catching.get(roomId);
    if (!running) {
      running = this.fetchNews(roomId).finally(() => this.catching.delete(roomId));
      this.catching.set(roomId, running);
    }
    return running;
  }

  private async fetchNews(roomId: string): Promise<void> {
    const log = this.logOf(roomId);
    for (let more = true; more;) {
      if (!log.loaded) {
        if (!(await this.load(roomId, log))) return;
        break;
      }
      const answer = await this.ask('room-sync', { roomId, epoch: log.epoch, afterSeq: log.last, afterId: log.lastId });
      if (!answer) return;
      if (!answer.success) {
        this.retryLater(() => void this.catchUp(roomId), (answer.retryAfter ?? 2) * 1000);
        return;
      }
      if (answer.reset) {
        log.loaded = false;
        continue;
      }
      for (const { event, payload } of answer.events) this.take(roomId, event as LogEvent, payload as LogPayload);
      more = answer.hasMore;
      this.changed();
    }
    if (roomId === this.current) this.loading = false;
    this.changed();
  }

  /** Reads a room anew: its newest page, its members, how far the others are. */
  private async load(roomId: string, log: RoomLog): Promise<boolean> {
    const answer = await this.ask('room-history', { roomId, limit: PAGE });
    if (!answer) return false;
    if (!answer.success) {
      if (answer.code !== 'not-found') this.retryLater(() => void this.catchUp(roomId), (answer.retryAfter ?? 2) * 1000);
      return false;
    }
    log.reset(answer.messages, answer.hasMore, answer.lastSeq, answer.epoch);
    for (const m of answer.messages) this.settle(m);
    const room = this.rooms.get(roomId);
    if (room && roomId !== LOBBY) void this.loadMembers(roomId, log, room.members <= RECEIPTS_UP_TO);
    return true;
  }

  private async loadMembers(roomId: string, log: RoomLog, withReceipts: boolean): Promise<void> {
    const answer = await this.ask('member-list', { roomId });
    if (answer?.success) for (const m of answer.members) log.members.set(m.userId, m);
    if (withReceipts) {
      const receipts = await this.ask('room-receipts', { roomId });
      if (receipts?.success) for (const r of receipts.receipts) log.heardReceipt(r);
    }
    this.changed();
  }

  /** Loads the page before the oldest message. */
  async loadOlder(): Promise<void> {
    const log = this.log;
    if (this.loadingOlder || !log.hasOlder || !this.joined) return;
    this.loadingOlder = true;
    const answer = await this.ask('room-history', { roomId: this.current, beforeSeq: log.firstSeq, limit: PAGE });
    if (answer?.success) log.prepend(answer.messages, answer.hasMore);
    this.loadingOlder = false;
    this.changed();
  }

  /** Takes an entry that came live. */
  private heard(event: LogEvent, payload: LogPayload): void {
    if (this.take(payload.roomId, event, payload) === 'gap' && this.joined) void this.catchUp(payload.roomId);
    this.changed();
  }

  private take(roomId: string, event: LogEvent, payload: LogPayload): string {
    const log = this.logOf(roomId);
    const arrival = log.receive(event, payload);
    if (event === 'new-message') {
      const m = payload as Message;
      this.typists.gone(m.userId);
      this.settle(m);
      if (arrival === 'applied' || !log.loaded) this.note(m);
    }
    if (event === 'room-updated' && 'room' in payload && payload.room) {
      const room = this.rooms.get(roomId);
      if (room) this.rooms.set(roomId, { ...room, ...payload.room });
    }
    if (event === 'member-joined' || event === 'member-left') this.memberChanged(roomId, event === 'member-joined' ? 1 : -1);
    return arrival;
  }

  private memberChanged(roomId: string, by: number): void {
    const room = this.rooms.get(roomId);
    if (room && room.members > 0) this.rooms.set(roomId, { ...room, members: room.members + by });
    if (room?.kind === 'group') void this.refresh(roomId);
  }

  /** Takes a message of one's own out of the outbox: it has arrived. */
  private settle(m: Message): void {
    if (!m.clientId || m.userId !== this.me.userId) return;
    if (this.outbox.done(m.clientId)) void storedOutbox.remove(m.clientId);
  }

  /** Counts a message that has arrived, and tells the server how far one has come. */
  private note(m: Message): void {
    const room = this.rooms.get(m.roomId);
    const others = m.userId !== this.me.userId;
    const here = m.roomId === this.current && !document.hidden;
    if (room && m.seq > room.readSeq) {
      const addressed = !!(m.mentions?.all || m.mentions?.userIds?.includes(this.me.userId));
      this.rooms.set(m.roomId, {
        ...room, lastSeq: m.seq, lastAt: m.timestamp,
        unread: room.unread + (others ? 1 : 0), mentions: room.mentions + (others && addressed ? 1 : 0),
      });
    }
    if (others && m.roomId === this.current) {
      this.arrived = [m];
      if (document.hidden && this.newSeq === 0) this.newSeq = m.seq;
    }
    if (here) this.readSoon();
    if (others) this.deliveredSoon(m);
  }

  /** Tells, not for each message but now and then, that this device has what was written. */
  private deliveredSoon(m: Message): void {
    const members = this.rooms.get(m.roomId)?.members ?? 0;
    if (members === 0 || members > RECEIPTS_UP_TO) return;
    this.delivered.set(m.roomId, Math.max(m.seq, this.delivered.get(m.roomId) ?? 0));
    this.deliveredTimer ??= setTimeout(() => {
      this.deliveredTimer = undefined;
      for (const [roomId, seq] of this.delivered) void this.ask('room-delivered', { roomId, seq });
      this.delivered.clear();
    }, DELIVERED_AFTER);
  }

  /** What is in sight, in a window that is looked at, is read after a moment. */
  readSoon(): void {
    clearTimeout(this.readTimer);
    this.readTimer = setTimeout(() => void this.markRead(), READ_AFTER);
  }

  private async markRead(): Promise<void> {
    const room = this.room;
    const log = this.log;
    if (!room || !log.loaded || document.hidden || !this.joined || (log.last <= room.readSeq && room.unread === 0)) return;
    const answer = await this.ask('room-read', { roomId: room.roomId, seq: log.last });
    if (answer?.success) this.readElsewhere(answer, answer.unread, answer.mentions);
  }

  /** Takes over how far one has read, on this device or another. */
  private readElsewhere(r: Receipt, unread?: number, mentions?: number): void {
    const room = this.rooms.get(r.roomId);
    if (!room) return;
    if (unread === undefined && r.readSeq < room.lastSeq) {
      void this.refresh(r.roomId);
      return;
    }
    this.rooms.set(r.roomId, { ...room, readSeq: r.readSeq, deliveredSeq: r.deliveredSeq, unread: unread ?? 0, mentions: mentions ?? 0 });
  }

  /** Marks as unread what begins with a message. */
  async markUnread(m: Message): Promise<void> {
    clearTimeout(this.readTimer);
    const answer = await this.ask('room-read', { roomId: m.roomId, seq: m.seq - 1, unread: true });
    if (answer?.success) {
      this.newSeq = m.seq;
      this.readElsewhere(answer, answer.unread, answer.mentions);
    }
  }

  /** On opening, the line of what is new stands after what was read last time. */
  private markOpened(): void {
    const room = this.room;
    if (!room) return;
    const first = this.log.messages.find((m) => m.seq > room.readSeq && m.userId !== this.me.userId);
    this.newSeq = first && room.readSeq > 0 ? first.seq : 0;
    if (!document.hidden) this.readSoon();
  }

  private visibility(): void {
    if (this.joined) this.connection.socket.emit('presence-active', { active: !document.hidden });
    if (document.hidden) this.newSeq = 0;
    else this.readSoon();
  }

  /** Opens a room. */
  async open(roomId: string): Promise<void> {
    if (roomId === this.current && !this.loading) return;
    this.log.trim();
    this.current = roomId;
    this.composing = undefined;
    this.newSeq = 0;
    this.typing = this.typists.names(roomId, Date.now());
    remember('room', roomId);
    this.loading = !this.log.loaded;
    this.changed();
    await this.catchUp(roomId);
    if (this.current === roomId) this.markOpened();
  }

  /** Asks anew what a room is to oneself. */
  private async refresh(roomId: string): Promise<void> {
    const answer = await this.ask('room-get', { roomId });
    if (answer?.success) this.rooms.set(roomId, answer.room);
  }

  private removed(roomId: string): void {
    this.rooms.delete(roomId);
    this.logs.delete(roomId);
    if (this.current === roomId) void this.open(LOBBY);
  }

  /** Asks for something whose answer is a room, and opens it. Returns what is wrong, or nothing. */
  async openBy<K extends 'room-create' | 'room-join' | 'direct-open' | 'invite-join'>(event: K, payload: Payload<K>): Promise<string> {
    const answer = await this.ask(event, payload);
    if (!answer) return 'No connection: try again';
    if (!answer.success) return answer.error;
    this.rooms.set(answer.roomId, answer.room);
    await this.open(answer.roomId);
    return '';
  }

  createRoom(name: string, kind: 'public' | 'private' | 'announcement', topic: string): Promise<string> {
    return this.openBy('room-create', { name, kind, topic, clientId: newClientId() });
  }

  async directory(prefix: string): Promise<Listed[]> {
    const answer = await this.ask('room-directory', { prefix });
    return answer?.success ? answer.rooms : [];
  }

  async findPeople(prefix: string): Promise<Person[]> {
    const answer = await this.ask('people-list', { prefix });
    return answer?.success ? answer.people : [];
  }

  async search(query: string, cursor?: number): Promise<{ hits: Hit[]; cursor?: number; problem: string }> {
    const answer = await this.ask('search', { query, cursor });
    if (!answer) return { hits: [], problem: 'No connection: try again' };
    return answer.success ? { hits: answer.hits, cursor: answer.cursor, problem: '' } : { hits: [], problem: answer.error };
  }

  /** A link by which others can join the room, or the server when there is no room. */
  async inviteLink(roomId?: string): Promise<{ link: string; problem: string }> {
    const answer = await this.ask('invite-create', { roomId, maxUses: 100 });
    if (!answer) return { link: '', problem: 'No connection: try again' };
    if (!answer.success) return { link: '', problem: answer.error };
    return { link: `${location.origin}/#invite=${answer.token ?? ''}`, problem: '' };
  }

  /** Follows a link that the page was opened by. It stays in the address until it has worked, for somebody who has to sign up first. */
  private async followLink(): Promise<void> {
    const token = this.invitation;
    if (!token) return;
    const info = await this.ask('invite-info', { token });
    if (!info?.success || !info.invitation.roomId) return;
    const answer = await this.ask('invite-join', { token });
    if (!answer?.success) return;
    history.replaceState(null, '', location.pathname);
    this.rooms.set(answer.roomId, answer.room);
    this.current = answer.roomId;
  }

  get invitation(): string {
    return new URLSearchParams(location.hash.slice(1)).get('invite') ?? '';
  }

  /** Signs in to an account, over a new connection. Returns what is wrong, or nothing. */
  signIn(name: string, password: string): Promise<string> {
    return this.reconnectWith('account-login', name, password);
  }

  /** Makes an account: of the guest that one is, or where guests are not admitted, of nobody. */
  async signUp(name: string, password: string): Promise<string> {
    if (!this.joined) return this.reconnectWith('account-create', name, password);
    const answer = await this.ask('account-create', { name, password, invitation: this.invitation || undefined });
    if (!answer) return 'No connection: try again';
    if (!answer.success) return answer.error;
    await this.welcome(answer);
    return '';
  }

  private reconnectWith(event: Credentials['event'], name: string, password: string): Promise<string> {
    return new Promise((done) => {
      this.credentials = { event, name, password, invitation: this.invitation || undefined, done };
      this.connection.again();
    });
  }

  async signOut(): Promise<void> {
    await this.ask('account-logout', {});
    remember('token', null);
    remember('userId', null);
    remember('room', null);
    await fetch('/api/session', { method: 'DELETE' }).catch(() => undefined); // the session has ended anyway
    location.reload();
  }

  send(text: string): void {
    const replyTo = this.composing?.mode === 'reply' ? this.composing.message.id : undefined;
    this.composing = undefined;
    const item: Outgoing = { clientId: newClientId(), roomId: this.current, text: text.trim(), replyTo, createdAt: Date.now(), state: 'queued' };
    this.outbox.add(item);
    void storedOutbox.put(item);
    this.newSeq = 0;
    this.typingTold = 0;
    this.changed();
    void this.pump();
  }

  async edit(m: Message, text: string): Promise<string> {
    const problem = text.trim() === m.text ? '' : await this.attempt('message-edit', { roomId: m.roomId, messageId: m.id, text });
    if (!problem) this.composing = undefined;
    return problem;
  }

  /** The last message that one has written here, to be edited. */
  lastOwn(): Message | undefined {
    return [...this.log.messages].reverse().find((m) => m.userId === this.me.userId && !m.deletedAt);
  }

  react(m: Message, emoji: string, on: boolean): void {
    void this.ask('message-react', { roomId: m.roomId, messageId: m.id, emoji, on });
  }

  remove(m: Message): void {
    void this.ask('message-delete', { roomId: m.roomId, messageId: m.id });
  }

  progress(seq: number): 'sent' | 'delivered' | 'read' {
    void this.version;
    return this.log.progress(seq, this.me.userId);
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
      const { clientId, roomId, text, replyTo } = item;
      this.outbox.sending(clientId);
      this.changed();
      const answer = await this.ask('chat-message', { text, roomId, clientId, replyTo });
      let wait: number | undefined;
      if (!answer) this.outbox.interrupted();
      else if (answer.success) {
        void storedOutbox.remove(clientId);
        const log = this.logOf(roomId);
        if (!log.loaded || log.last >= answer.seq) this.outbox.done(clientId);
        else this.acknowledged(clientId, roomId, answer.seq);
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
  private acknowledged(clientId: string, roomId: string, seq: number): void {
    setTimeout(() => {
      if (this.logOf(roomId).last < seq && this.joined) void this.catchUp(roomId);
    }, ECHO_PATIENCE);
    this.outbox.acknowledged(clientId);
  }

  tellTyping(typing: boolean): void {
    if (!this.joined || (typing && Date.now() - this.typingTold < TYPING_INTERVAL) || (!typing && this.typingTold === 0)) return;
    this.typingTold = typing ? Date.now() : 0;
    this.connection.socket.emit('typing-indicator', { roomId: this.current, typing });
  }

  async rename(name: string): Promise<boolean> {
    this.nameError = '';
    const username = name.trim();
    if (!this.joined) { // it is told at the next connection
      this.me.username = username;
      remember('name', username);
      return true;
    }
    this.nameError = await this.attempt('profile-update', { username });
    if (this.nameError) return false;
    this.me.username = username;
    remember('name', username);
    return true;
  }

  private came(p: PersonHere, online: number): void {
    this.people = [...this.people.filter((x) => x.userId !== p.userId), { userId: p.userId, username: p.username }];
    this.online = online;
  }

  private went(p: PersonHere, online: number): void {
    this.people = this.people.filter((x) => x.userId !== p.userId);
    this.typists.gone(p.userId);
    this.online = online;
  }

  private renamed(p: PersonHere): void {
    this.people = this.people.map((x) => (x.userId === p.userId ? p : x));
    for (const log of this.logs.values()) log.rename(p.userId, p.username);
    if (p.userId === this.me.userId) { // in another tab, perhaps
      this.me.username = p.username;
      remember('name', p.username);
    }
    this.changed();
  }

  private updated(p: Person): void {
    this.presence.set(p.userId, p.presence);
    if (p.userId === this.me.userId) {
      this.me.role = p.role;
      this.me.login = p.login ?? '';
    }
    for (const [id, room] of this.rooms) {
      if (!room.peers?.some((x) => x.userId === p.userId)) continue;
      this.rooms.set(id, { ...room, peers: room.peers.map((x) => (x.userId === p.userId ? p : x)) });
    }
  }
}
