import { SvelteMap } from 'svelte/reactivity';
import { t } from '../i18n/index.svelte';
import { isMuted } from '../state/personal';
import { roomName, sortRooms } from '../state/room';
import { recall } from '../storage';
import type { Listed, Message, MyRoom, Payload, Person, Receipt } from '../wire';
import type { Server } from './server.svelte';
import type { Session } from './session.svelte';

export const LOBBY = 'general';

/** The rooms that one is in, and which of them is open. */
export class Rooms {
  all = new SvelteMap<string, MyRoom>();
  /** The threads that are known: those one follows, and the open one. */
  threads = new SvelteMap<string, MyRoom>();
  current = $state(recall('room') ?? LOBBY);

  room = $derived(this.all.get(this.current));
  title = $derived(this.room ? roomName(this.room, t('nobody-else')) : 'General');
  isDirect = $derived(this.room?.kind === 'direct' || this.room?.kind === 'group');
  sorted = $derived(sortRooms([...this.all.values()]));
  unread = $derived([...this.all.values()].reduce((n, r) => n + (r.archivedAt || isMuted(r.settings, Date.now()) ? 0 : r.unread), 0));
  mentions = $derived([...this.all.values()].reduce((n, r) => n + r.mentions, 0));
  /** How many messages count, here and in threads that are followed, by what the person wants to be told of. */
  badge = $derived([...this.all.values(), ...this.threads.values()].reduce((n, r) => n + (r.archivedAt || (r.kind === 'thread' && !r.following) ? 0 : r.badge), 0));

  constructor(private readonly server: Server, private readonly session: Session) {
    server.connection.socket.on('room-added', ({ roomId }) => void this.refresh(roomId));
  }

  /** A room that one is in, or a thread of one. */
  find(roomId: string): MyRoom | undefined {
    return this.all.get(roomId) ?? this.threads.get(roomId);
  }

  put(room: MyRoom): void {
    (room.kind === 'thread' ? this.threads : this.all).set(room.roomId, room);
  }

  mayModerate = $derived.by(() => {
    const room = this.room;
    if (!room || this.isDirect) return false;
    return room.role !== 'member' || ['owner', 'admin', 'moderator'].includes(this.session.me.role);
  });
  /** Whether one may write here: announcements are their moderators', and what is archived is nobody's. */
  mayWriteIn(roomId: string): boolean {
    const room = this.find(roomId);
    const parent = room?.parentId ? this.all.get(room.parentId) : room;
    return !parent?.archivedAt && (parent?.kind !== 'announcement' || room !== parent || parent.role !== 'member' || ['owner', 'admin', 'moderator'].includes(this.session.me.role));
  }

  nameOf(room: MyRoom): string {
    return roomName(room, t('nobody-else'));
  }

  /** Asks anew what a room is to oneself. */
  async refresh(roomId: string): Promise<void> {
    const answer = await this.server.ask('room-get', { roomId });
    if (answer?.success) this.put(answer.room);
  }

  /** Counts a message that has arrived, also among those that the person wants to be told of. */
  count(m: Message, counts: boolean): void {
    const room = this.find(m.roomId);
    if (!room || m.seq <= room.readSeq || m.seq <= room.lastSeq) return;
    const others = m.userId !== this.session.me.userId;
    const addressed = others && this.addresses(m);
    this.put({
      ...room, lastSeq: m.seq, lastAt: m.timestamp, unread: room.unread + (others ? 1 : 0), mentions: room.mentions + (addressed ? 1 : 0), badge: room.badge + (counts ? 1 : 0),
    });
  }

  /** Takes over how far one has read, on this device or another. */
  read(r: Receipt, left?: { unread: number; mentions: number; badge: number }): void {
    const room = this.find(r.roomId);
    if (!room) return;
    if (!left && r.readSeq < room.lastSeq) {
      void this.refresh(r.roomId);
      return;
    }
    this.put({ ...room, readSeq: r.readSeq, deliveredSeq: r.deliveredSeq, unread: left?.unread ?? 0, mentions: left?.mentions ?? 0, badge: left?.badge ?? 0 });
  }

  /** Asks anew what counts in rooms, or in the one whose settings are others: the person wants to be told of something else. */
  recount(roomId?: string): void {
    for (const room of [...this.all.values(), ...this.threads.values()]) if (room.unread > 0 && (!roomId || room.roomId === roomId)) void this.refresh(room.roomId);
  }

  addresses(m: Message): boolean {
    return !!(m.mentions?.all || m.mentions?.here || m.mentions?.userIds?.includes(this.session.me.userId));
  }

  membersChanged(roomId: string, by: number): void {
    const room = this.all.get(roomId);
    if (room && room.members > 0) this.all.set(roomId, { ...room, members: room.members + by });
    if (room?.kind === 'group') void this.refresh(roomId);
  }

  /** Shows somebody's new profile where they are the other side of a conversation. */
  personUpdated(p: Person): void {
    for (const [id, room] of this.all) {
      if (!room.peers?.some((x) => x.userId === p.userId)) continue;
      this.all.set(id, { ...room, peers: room.peers.map((x) => (x.userId === p.userId ? p : x)) });
    }
  }

  /** Asks for something whose answer is a room. Returns its id, or what is wrong. */
  async enter<K extends 'room-create' | 'room-join' | 'direct-open' | 'invite-join'>(event: K, payload: Payload<K>): Promise<{ roomId: string; problem: string }> {
    const answer = await this.server.ask(event, payload);
    if (!answer) return { roomId: '', problem: t('no-connection') };
    if (!answer.success) return { roomId: '', problem: answer.error };
    this.all.set(answer.roomId, answer.room);
    return { roomId: answer.roomId, problem: '' };
  }

  create(name: string, kind: 'public' | 'private' | 'announcement', topic: string, clientId: string): Promise<{ roomId: string; problem: string }> {
    return this.enter('room-create', { name, kind, topic, clientId });
  }

  async directory(prefix: string, after?: string): Promise<{ rooms: Listed[]; hasMore: boolean }> {
    const answer = await this.server.ask('room-directory', { prefix, after });
    return answer?.success ? answer : { rooms: [], hasMore: false };
  }

  /** A link by which others can join a room, or the server when there is no room. */
  async inviteLink(roomId?: string): Promise<{ link: string; problem: string }> {
    const answer = await this.server.ask('invite-create', { roomId, maxUses: 100 });
    if (!answer) return { link: '', problem: t('no-connection') };
    if (!answer.success) return { link: '', problem: answer.error };
    return { link: `${location.origin}/#invite=${answer.token ?? ''}`, problem: '' };
  }
}
