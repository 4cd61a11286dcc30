import { clearLogs, storedRooms } from '../database';
import { t } from '../i18n/index.svelte';
import { parseLink } from '../state/links';
import type { Named } from '../state/mentions';
import { remember } from '../storage';
import { LOG_EVENTS, type Joined, type LogEvent, type LogPayload, type Message, type MyRoom, type Payload, type Person } from '../wire';
import { Arrivals } from './arrivals.svelte';
import { AwaitedPreviews } from './awaited';
import { deviceName } from './devices';
import { ownEmoji } from './emoji.svelte';
import { Logs } from './logs.svelte';
import { BADGE, SOUND } from '../state/notify';
import * as marks from './marks';
import { chime, notifyOf } from './notices';
import { Panes } from './panes.svelte';
import { Conversation } from './conversation.svelte';
import { Pushing } from './push.svelte';
import { People } from './people.svelte';
import { Personal } from './personal.svelte';
import { above } from '../state/roles';
import { LOBBY, Rooms } from './rooms.svelte';
import { Security } from './security.svelte';
import { Sending } from './sending.svelte';
import { Server } from './server.svelte';
import { Session } from './session.svelte';
import { Shell } from './shell.svelte';
import { SignIn } from './signIn.svelte';
import { Threads } from './threads.svelte';

const STORE_ROOMS_AFTER = 1000;

/** The conversations: each concern in its own part, and what goes on between them. */
export class Chat {
  readonly server = new Server(() => void this.session.join(), () => this.sending.interrupted());
  readonly session = new Session(this.server, (answer) => this.welcome(answer));
  readonly rooms = new Rooms(this.server, this.session);
  readonly logs: Logs = new Logs(this.server, {
    entry: (event, payload, fresh, live) => this.entry(event, payload, fresh, live),
    page: (messages) => messages.forEach((m) => this.sending.settle(m)),
    members: (roomId) => (roomId === LOBBY ? undefined : this.rooms.all.get(roomId)?.members),
  });
  readonly emoji = ownEmoji.of(this.server);
  readonly personal = new Personal(this.server, this.rooms, () => this.session.me.userId, (text) => (this.notice = text));
  readonly sending: Sending = new Sending(this.server, this.logs, () => this.session.me.userId, (roomId) => this.personal.hasDraft(roomId));
  readonly people = new People(this.server, () => [this.rooms.current, this.thread.roomId], (id, name) => this.renamed(id, name), (p) => this.updated(p));
  readonly panes = new Panes();
  readonly awaited = new AwaitedPreviews();
  readonly main = new Conversation(this, () => this.rooms.current);
  readonly thread = new Conversation(this, () => (this.panes.panel?.kind === 'thread' ? this.panes.panel.roomId : ''));
  readonly threads = new Threads(this);
  /** Something that went wrong beside a form, told once. */
  notice = $state('');
  readonly signIn = new SignIn(this.session);
  readonly security = new Security(this.server, (sessionId, device) => void this.signedInElsewhere(sessionId, device));
  readonly push = new Pushing(this.server);
  readonly shell = new Shell((roomId, seq) => void this.open(roomId, seq));
  readonly arrivals: Arrivals = new Arrivals(this.server, this.session, (text) => (this.notice = text), () => (this.panes.dialog = 'account'));
  private opening = 0;

  members = $derived([...this.membersOf().values()].sort((a, b) => a.username.localeCompare(b.username)));

  constructor() {
    const { socket } = this.server.connection;
    for (const event of LOG_EVENTS) socket.on(event, (payload: LogPayload) => this.logs.heard(event, payload));
    socket.on('room-removed', ({ roomId }) => this.removed(roomId));
    socket.on('room-read', (r) => this.rooms.read(r));
    socket.on('receipt', (r) => {
      this.logs.of(r.roomId).heardReceipt(r);
      this.logs.changed(r.roomId);
    });
    document.addEventListener('visibilitychange', () => this.visibility());
    addEventListener('hashchange', () => {
      this.arrivals.look();
      void this.followLink();
    });
    void this.start();
  }

  /** Those of some people whose names are known here. */
  named(userIds: string[]): Named[] {
    const members = this.membersOf();
    return userIds.flatMap((id): Named[] => {
      const p: Named | undefined = this.people.known.get(id) ?? members.get(id) ?? this.people.here.find((x) => x.userId === id);
      return p ? [{ userId: p.userId, username: p.username, login: p.login }] : [];
    });
  }

  /** Where a room's messages are shown now, if anywhere. */
  of(roomId: string): Conversation | undefined {
    if (roomId === '') return undefined;
    return [this.main, this.thread].find((c) => c.roomId === roomId);
  }

  /** How many links of a message in a room get a preview. */
  previewsIn(roomId: string): number {
    const room = this.rooms.find(roomId);
    const parent = room?.parentId ? this.rooms.all.get(room.parentId) : room;
    return parent?.previews ? this.awaited.most : 0;
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
    await this.personal.restored;
    const rooms = await storedRooms.load(userId);
    if (this.server.joined) return this.sending.pumpAll();
    for (const r of rooms) if (!this.rooms.all.has(r.roomId)) this.rooms.all.set(r.roomId, r);
    await this.logs.restore(this.rooms.current);
  }

  private async signedInElsewhere(sessionId: string, device: string): Promise<void> {
    if (!(await this.session.owns(sessionId))) this.notice = t('new-device', { device: deviceName(device) });
  }

  private async welcome(answer: Joined): Promise<void> {
    if (answer.userId !== this.session.me.userId) { // somebody else sees other things
      this.logs.forget();
      this.personal.forget();
      await clearLogs();
    }
    this.session.is({ userId: answer.userId, username: answer.username, login: answer.login ?? '', role: answer.role });
    this.people.welcome(answer.online, answer.onlineCount);
    this.awaited.most = answer.previews;
    this.emoji.mayAdd = !above(answer.emojiRole, answer.role);
    const mine = new Set(answer.rooms.map((r) => r.roomId));
    for (const id of [...this.rooms.all.keys()]) if (!mine.has(id)) this.removed(id);
    for (const r of answer.rooms) {
      this.rooms.all.set(r.roomId, r);
      for (const p of r.peers ?? []) this.people.learn(p);
    }
    if (!mine.has(this.rooms.current)) this.rooms.current = LOBBY;
    this.storeRooms();
    const reopened = this.main.reading.line !== undefined;
    if (!(await this.followLink())) {
      const { current } = this.rooms;
      await this.logs.restore(current);
      await this.logs.catchUp(current);
      if (!reopened) void this.main.reading.opened(current);
    }
    void this.threads.welcome();
    void this.personal.sync();
    void this.emoji.sync();
    this.sending.pumpAll();
    void this.arrivals.joined();
    this.shell.check();
    void this.push.joined();
  }

  private storeTimer: ReturnType<typeof setTimeout> | undefined;
  private storeRooms(): void {
    this.storeTimer ??= setTimeout(() => {
      this.storeTimer = undefined;
      void storedRooms.put(this.session.me.userId, [...this.rooms.all.values()]);
    }, STORE_ROOMS_AFTER);
  }

  /** What an entry of a log changes besides the log's copy. */
  private entry(event: LogEvent, payload: LogPayload, fresh: boolean, live: boolean): void {
    if (live && event === 'message-edited' && 'message' in payload && payload.message) this.awaited.came(payload.message);
    if (event === 'new-message') {
      const m = payload as Message;
      this.people.wrote(m);
      if (live) this.awaited.came(m);
      this.sending.settle(m);
      if (fresh) this.note(m);
    }
    if (event === 'room-updated' && 'room' in payload && payload.room) {
      const room = this.rooms.all.get(payload.roomId);
      if (room) this.rooms.all.set(payload.roomId, { ...room, archivedAt: undefined, ...payload.room });
    }
    if (fresh && (event === 'member-joined' || event === 'member-left')) this.rooms.membersChanged(payload.roomId, event === 'member-joined' ? 1 : -1);
  }

  private note(m: Message): void {
    const room = this.rooms.find(m.roomId);
    const place = this.of(m.roomId);
    const notice = room ? this.noticeOf(m, room, place !== undefined) : 0;
    this.rooms.count(m, (notice & BADGE) > 0);
    this.storeRooms();
    if (m.userId === this.session.me.userId) return;
    this.main.reading.has(m);
    if (room && notice & SOUND) {
      chime();
      notifyOf(m, room.kind === 'direct' ? m.username : `${m.username} · ${this.rooms.nameOf(room)}`, () => void this.open(m.roomId, m.seq));
    }
    if (!place) return;
    place.arrived = [m];
    if (document.hidden || !document.hasFocus()) place.reading.missed(m);
  }

  private noticeOf(m: Message, room: MyRoom, inRoom: boolean): number {
    const { userId } = this.session.me;
    const me = { userId, timeZone: this.people.known.get(userId)?.timeZone };
    return this.personal.noticeOf(m, room, me, { looking: !document.hidden && document.hasFocus(), inRoom, dnd: this.people.presenceOf(userId) === 'dnd' });
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
      if (this.logs.of(roomId).messages.length > 0) marks.here(roomId);
      this.rooms.current = roomId;
      this.main.composing = undefined;
      this.main.reading.clearLine();
      this.people.refreshTyping();
      remember('room', roomId);
      await this.logs.restore(roomId);
      if (mine !== this.opening) return;
      await this.logs.catchUp(roomId);
      if (mine !== this.opening) return;
      void this.main.reading.opened(roomId);
    }
    if (seq !== undefined) await this.main.goTo(seq);
  }

  /** Shows a message wherever it is: in its room, or in its thread beside it. */
  async openMessage(messageId: string): Promise<boolean> {
    const found = await this.server.ask('message-find', { messageId });
    if (!found?.success) {
      this.notice = found ? t('message-not-found') : t('no-connection');
      return false;
    }
    const { message, parentId, rootId } = found;
    if (!parentId || !rootId) {
      if (this.rooms.all.has(message.roomId)) await this.open(message.roomId, message.seq);
      else this.notice = await this.openBy('room-join', { roomId: message.roomId });
      if (!this.notice && this.rooms.current === message.roomId) await this.main.goTo(message.seq);
      return !this.notice;
    }
    const root = await this.server.ask('message-find', { messageId: rootId });
    if (!root?.success) return false;
    if (this.rooms.current !== parentId) await this.open(parentId, root.message.seq);
    await this.logs.catchUp(parentId);
    await this.threads.open(root.message, message.seq);
    return true;
  }

  private removed(roomId: string): void {
    this.rooms.all.delete(roomId);
    this.logs.forget(roomId);
    for (const [id, thread] of this.rooms.threads) {
      if (thread.parentId !== roomId) continue;
      if (this.thread.roomId === id) this.panes.closePanel();
      this.rooms.threads.delete(id);
      this.logs.forget(id);
    }
    if (this.rooms.current === roomId) void this.open(LOBBY);
  }

  /** Asks for something whose answer is a room, and opens it. Returns what is wrong, or nothing. */
  async openBy<K extends 'room-create' | 'room-join' | 'direct-open' | 'invite-join'>(event: K, payload: Payload<K>): Promise<string> {
    const { roomId, problem } = await this.rooms.enter(event, payload);
    if (!problem) await this.open(roomId);
    return problem;
  }

  async createRoom(name: string, kind: 'public' | 'private' | 'announcement', topic: string, clientId: string): Promise<string> {
    const { roomId, problem } = await this.rooms.create(name, kind, topic, clientId);
    if (!problem) await this.open(roomId);
    return problem;
  }

  /** Follows the link in the address. An invitation stays there until it has worked, for somebody who has to sign up first. */
  private async followLink(): Promise<boolean> {
    const link = parseLink(location);
    if (link?.messageId) {
      history.replaceState(history.state, '', '/');
      const found = this.openMessage(link.messageId);
      await this.logs.catchUp(this.rooms.current);
      return found;
    }
    if (link?.roomId && this.rooms.all.has(link.roomId)) {
      history.replaceState(history.state, '', '/');
      const { roomId, seq } = link;
      await this.logs.catchUp(roomId);
      if (roomId === this.rooms.current) void this.main.reading.opened(roomId);
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
