import { clearLogs, storedRooms } from '../database';
import { t } from '../i18n/index.svelte';
import { parseLink } from '../state/links';
import type { Named } from '../state/mentions';
import type { RoomLog } from '../state/room';
import { layout, type Row } from '../state/rows';
import { remember } from '../storage';
import { LOG_EVENTS, type Joined, type LogEvent, type LogPayload, type Message, type Payload, type Person } from '../wire';
import { Logs } from './logs.svelte';
import { chime, notifyOf } from './notices';
import { Panes } from './panes.svelte';
import { People } from './people.svelte';
import { Reading } from './reading.svelte';
import { LOBBY, Rooms } from './rooms.svelte';
import { Sending } from './sending.svelte';
import { Server } from './server.svelte';
import { Session } from './session.svelte';

/** How long a message that a link led to is highlighted, in milliseconds. */
const HIGHLIGHT = 2000;
const STORE_ROOMS_AFTER = 1000;

/** What the composer is at, besides writing a new message. */
export type Composing = { mode: 'reply' | 'edit'; message: Message };

/** A place in the timeline that is to be shown: its seq, and a number that makes it another wish than the one before. */
export interface Target {
  seq: number;
  wish: number;
}

/** The conversations: each concern in its own part, and what goes on between them. */
export class Chat {
  readonly server = new Server(() => void this.session.join(), () => this.sending.interrupted());
  readonly session = new Session(this.server, (answer) => this.welcome(answer));
  readonly rooms = new Rooms(this.server, this.session);
  readonly logs: Logs = new Logs(this.server, {
    entry: (event, payload, fresh) => this.entry(event, payload, fresh),
    page: (messages) => messages.forEach((m) => this.sending.settle(m)),
    members: (roomId) => (roomId === LOBBY ? undefined : this.rooms.all.get(roomId)?.members),
  });
  readonly sending: Sending = new Sending(this.server, this.logs, () => this.session.me.userId);
  readonly reading = new Reading(this.server, this.rooms, this.logs);
  readonly people = new People(this.server, () => this.rooms.current, (id, name) => this.renamed(id, name), (p) => this.updated(p));
  readonly panes = new Panes();
  composing = $state.raw<Composing | undefined>();
  /** Messages of others as they arrive in the room that is open, for the announcer. */
  arrived = $state.raw<Message[]>([]);
  target = $state.raw<Target | undefined>();
  highlighted = $state(0);
  /** Something that went wrong beside a form, told once. */
  notice = $state('');
  private wishes = 0;
  private highlightTimer: ReturnType<typeof setTimeout> | undefined;
  private laidOut: Row[] = [];
  private opening = 0;

  /** The open room's copy as it is now: another object whenever anything in it has changed. */
  private view = $derived.by(() => {
    const log = this.logs.watch(this.rooms.current);
    return { messages: log.messages, hasOlder: log.hasOlder, hasNewer: log.hasNewer, loaded: log.loaded, last: log.last };
  });
  hasOlder = $derived(this.view.hasOlder);
  hasNewer = $derived(this.view.hasNewer);
  loading = $derived(!this.view.loaded && this.view.messages.length === 0);
  rows = $derived.by(() => {
    const { messages, hasOlder, hasNewer } = this.view;
    const waiting = hasNewer ? [] : this.sending.items.filter((i) => i.roomId === this.rooms.current);
    return (this.laidOut = layout(messages, waiting, this.session.me, this.reading.line?.seq ?? 0, !hasOlder, this.laidOut));
  });
  members = $derived([...this.membersOf().values()].sort((a, b) => a.username.localeCompare(b.username)));

  constructor() {
    const { socket } = this.server.connection;
    for (const event of LOG_EVENTS) socket.on(event, (payload: LogPayload) => this.logs.heard(event, payload));
    socket.on('room-removed', ({ roomId }) => this.removed(roomId));
    socket.on('receipt', (r) => {
      this.logs.of(r.roomId).heardReceipt(r);
      this.logs.changed(r.roomId);
    });
    document.addEventListener('visibilitychange', () => this.visibility());
    addEventListener('hashchange', () => void this.followLink());
    void this.start();
  }

  /** The open room's copy. */
  get log(): RoomLog {
    return this.logs.of(this.rooms.current);
  }

  /** Those of some people whose names are known here. */
  named(userIds: string[]): Named[] {
    const members = this.membersOf();
    return userIds.flatMap((id): Named[] => {
      const p: Named | undefined = this.people.known.get(id) ?? members.get(id) ?? this.people.here.find((x) => x.userId === id);
      return p ? [{ userId: p.userId, username: p.username, login: p.login }] : [];
    });
  }

  private membersOf() {
    return this.logs.watch(this.rooms.current).members;
  }

  /** Shows what is on the device at once, and connects. */
  private async start(): Promise<void> {
    this.server.connection.open();
    await this.sending.restore();
    const { userId } = this.session.me;
    if (!userId) return;
    const rooms = await storedRooms.load(userId);
    if (this.server.joined) return this.sending.pumpAll();
    for (const r of rooms) if (!this.rooms.all.has(r.roomId)) this.rooms.all.set(r.roomId, r);
    await this.logs.restore(this.rooms.current);
  }

  private async welcome(answer: Joined): Promise<void> {
    if (answer.userId !== this.session.me.userId) { // somebody else sees other things
      this.logs.forget();
      await clearLogs();
    }
    this.session.is({ userId: answer.userId, username: answer.username, login: answer.login ?? '', role: answer.role });
    this.people.welcome(answer.online, answer.onlineCount);
    const mine = new Set(answer.rooms.map((r) => r.roomId));
    for (const id of [...this.rooms.all.keys()]) if (!mine.has(id)) this.removed(id);
    for (const r of answer.rooms) {
      this.rooms.all.set(r.roomId, r);
      for (const p of r.peers ?? []) this.people.learn(p);
    }
    if (!mine.has(this.rooms.current)) this.rooms.current = LOBBY;
    this.storeRooms();
    const reopened = this.reading.line !== undefined;
    if (!(await this.followLink())) {
      const { current } = this.rooms;
      await this.logs.restore(current);
      await this.logs.catchUp(current);
      if (!reopened) void this.reading.opened(current);
    }
    this.sending.pumpAll();
  }

  private storeTimer: ReturnType<typeof setTimeout> | undefined;
  private storeRooms(): void {
    this.storeTimer ??= setTimeout(() => {
      this.storeTimer = undefined;
      void storedRooms.put(this.session.me.userId, [...this.rooms.all.values()]);
    }, STORE_ROOMS_AFTER);
  }

  /** What an entry of a log changes besides the log's copy. */
  private entry(event: LogEvent, payload: LogPayload, fresh: boolean): void {
    if (event === 'new-message') {
      const m = payload as Message;
      this.people.wrote(m);
      this.sending.settle(m);
      if (fresh) this.note(m);
    }
    if (event === 'room-updated' && 'room' in payload && payload.room) {
      const room = this.rooms.all.get(payload.roomId);
      if (room) this.rooms.all.set(payload.roomId, { ...room, ...payload.room });
    }
    if (fresh && (event === 'member-joined' || event === 'member-left')) this.rooms.membersChanged(payload.roomId, event === 'member-joined' ? 1 : -1);
  }

  private note(m: Message): void {
    this.rooms.count(m);
    this.storeRooms();
    if (m.userId === this.session.me.userId) return;
    this.reading.has(m);
    const room = this.rooms.all.get(m.roomId);
    const away = document.hidden || !document.hasFocus() || m.roomId !== this.rooms.current;
    if (room && away && (room.kind === 'direct' || this.rooms.addresses(m)) && this.people.presenceOf(this.session.me.userId) !== 'dnd') {
      chime();
      notifyOf(m, room.kind === 'direct' ? m.username : `${m.username} · ${this.rooms.nameOf(room)}`, () => void this.open(m.roomId, m.seq));
    }
    if (m.roomId !== this.rooms.current) return;
    this.arrived = [m];
    if (document.hidden || !document.hasFocus()) this.reading.missed(m);
  }

  private visibility(): void {
    if (this.server.joined) this.server.connection.socket.emit('presence-active', { active: !document.hidden });
  }

  /** Opens a room, at its end or at a message. */
  async open(roomId: string, seq?: number): Promise<void> {
    const mine = ++this.opening;
    this.panes.showRoom();
    if (roomId !== this.rooms.current) {
      this.logs.of(this.rooms.current).trim();
      this.rooms.current = roomId;
      this.composing = undefined;
      this.reading.clearLine();
      this.people.refreshTyping();
      remember('room', roomId);
      await this.logs.restore(roomId);
      if (mine !== this.opening) return;
      await this.logs.catchUp(roomId);
      if (mine !== this.opening) return;
      void this.reading.opened(roomId);
    }
    if (seq !== undefined) await this.goTo(seq);
  }

  /** Shows a message of the open room, and highlights it for a moment. */
  async goTo(seq: number, highlight = true): Promise<void> {
    if (!(await this.logs.around(this.rooms.current, seq))) {
      this.notice = t('message-not-found');
      return;
    }
    this.target = { seq, wish: ++this.wishes };
    if (!highlight) return;
    this.highlighted = seq;
    clearTimeout(this.highlightTimer);
    this.highlightTimer = setTimeout(() => (this.highlighted = 0), HIGHLIGHT);
  }

  private removed(roomId: string): void {
    this.rooms.all.delete(roomId);
    this.logs.forget(roomId);
    if (this.rooms.current === roomId) void this.open(LOBBY);
  }

  /** Asks for something whose answer is a room, and opens it. Returns what is wrong, or nothing. */
  async openBy<K extends 'room-create' | 'room-join' | 'direct-open' | 'invite-join'>(event: K, payload: Payload<K>): Promise<string> {
    const { roomId, problem } = await this.rooms.enter(event, payload);
    if (!problem) await this.open(roomId);
    return problem;
  }

  async createRoom(name: string, kind: 'public' | 'private' | 'announcement', topic: string): Promise<string> {
    const { roomId, problem } = await this.rooms.create(name, kind, topic);
    if (!problem) await this.open(roomId);
    return problem;
  }

  /** Follows the link in the address. An invitation stays there until it has worked, for somebody who has to sign up first. */
  private async followLink(): Promise<boolean> {
    const link = parseLink(location.hash);
    if (link?.roomId && this.rooms.all.has(link.roomId)) {
      history.replaceState(history.state, '', location.pathname);
      const { roomId, seq } = link;
      await this.logs.catchUp(roomId);
      if (roomId === this.rooms.current) void this.reading.opened(roomId);
      await this.open(roomId, seq);
      return true;
    }
    if (!link?.invitation) return false;
    const info = await this.server.ask('invite-info', { token: link.invitation });
    if (!info?.success || !info.invitation.roomId) return false;
    const { roomId, problem } = await this.rooms.enter('invite-join', { token: link.invitation });
    if (problem) return false;
    history.replaceState(history.state, '', location.pathname);
    await this.open(roomId);
    return true;
  }

  send(text: string, mentions: string[] = []): void {
    const replyTo = this.composing?.mode === 'reply' ? this.composing.message.id : undefined;
    const { current } = this.rooms;
    this.composing = undefined;
    if (this.logs.of(current).hasNewer) void this.logs.newest(current);
    this.sending.add({ roomId: current, text: text.trim(), replyTo, mentions: mentions.length > 0 ? mentions : undefined });
    this.reading.clearLine();
    this.people.sent();
  }

  async edit(m: Message, text: string): Promise<string> {
    const problem = text.trim() === m.text ? '' : await this.server.attempt('message-edit', { roomId: m.roomId, messageId: m.id, text });
    if (!problem) this.composing = undefined;
    return problem;
  }

  /** The last message that one has written here, to be edited. */
  lastOwn(): Message | undefined {
    return this.log.messages.findLast((m) => m.userId === this.session.me.userId && !m.deletedAt);
  }

  async react(m: Message, emoji: string, on: boolean): Promise<void> {
    this.notice = await this.server.attempt('message-react', { roomId: m.roomId, messageId: m.id, emoji, on });
  }

  async remove(m: Message): Promise<void> {
    this.notice = await this.server.attempt('message-delete', { roomId: m.roomId, messageId: m.id });
  }

  progress(m: { roomId: string; seq: number }): 'sent' | 'delivered' | 'read' {
    return this.logs.watch(m.roomId).progress(m.seq, this.session.me.userId);
  }

  private renamed(userId: string, username: string): void {
    for (const [roomId, log] of this.logs.all()) {
      log.rename(userId, username);
      this.logs.changed(roomId);
    }
    if (userId === this.session.me.userId) this.session.is({ ...this.session.me, username }); // in another tab, perhaps
  }

  private updated(p: Person): void {
    if (p.userId === this.session.me.userId) this.session.is({ ...this.session.me, role: p.role, login: p.login ?? '' });
    this.rooms.personUpdated(p);
  }
}
