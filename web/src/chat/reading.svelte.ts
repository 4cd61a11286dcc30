import { t } from '../i18n/index.svelte';
import type { Message } from '../wire';
import { RECEIPTS_UP_TO, type Logs } from './logs.svelte';
import type { Rooms } from './rooms.svelte';
import type { Server } from './server.svelte';

/** How long a message must have been in sight, in milliseconds, to count as read. */
const READ_AFTER = 500;
const DELIVERED_AFTER = 1000;

/** What was new when a room was opened. It stands still while the room is open. */
export interface Line {
  /** The first seq that was new. */
  seq: number;
  /** How many messages of others were. */
  count: number;
  /** When the first of them was written. */
  since?: Date;
}

/** How far one has read, here and elsewhere, and what the others are told of it. */
export class Reading {
  line = $state.raw<Line | undefined>();
  private seen = { roomId: '', seq: 0 };
  private seenTimer: ReturnType<typeof setTimeout> | undefined;
  private deliveredTimer: ReturnType<typeof setTimeout> | undefined;
  private delivered = new Map<string, number>();
  /** Rooms that were marked as unread by hand: looking at them does not undo it before they are opened again. */
  private keepUnread = '';

  /** place says which room is read, '' for none. */
  constructor(private readonly server: Server, private readonly rooms: Rooms, private readonly logs: Logs, private readonly place: () => string) {
    addEventListener('focus', () => this.lookAgain());
    document.addEventListener('visibilitychange', () => this.lookAgain());
  }

  /** On opening, the line of what is new stands after what was read last time. */
  async opened(roomId: string): Promise<void> {
    const room = this.rooms.find(roomId);
    this.keepUnread = '';
    this.line = undefined;
    if (!room || room.unread === 0 || room.readSeq === 0) return;
    const seq = room.readSeq + 1;
    this.line = { seq, count: room.unread };
    const loaded = this.logs.of(roomId).messages;
    let first = loaded.find((m) => m.seq >= seq);
    if ((loaded[0]?.seq ?? 0) >= seq && this.logs.of(roomId).hasOlder) {
      const answer = await this.server.ask('room-history', { roomId, afterSeq: room.readSeq, limit: 1 });
      first = answer?.success ? answer.messages[0] : undefined;
    }
    if (first && this.line?.seq === seq) this.line = { ...this.line, since: new Date(first.timestamp) };
  }

  /** The timeline shows entries up to a seq. It counts as read when they have been in sight for a moment, in a window that is looked at. */
  saw(roomId: string, seq: number): void {
    if (roomId === this.seen.roomId && seq <= this.seen.seq) return;
    this.seen = { roomId, seq };
    this.lookAgain();
  }

  /** Waits for the moment. What comes into sight meanwhile has a moment of its own after it, so that a busy room is read all the same. */
  private lookAgain(): void {
    if (this.seenTimer) return;
    const looked = this.seen;
    this.seenTimer = setTimeout(() => {
      this.seenTimer = undefined;
      void this.tell(looked);
      if (this.seen !== looked) this.lookAgain();
    }, READ_AFTER);
  }

  private async tell({ roomId, seq }: { roomId: string; seq: number }): Promise<void> {
    const room = this.rooms.find(roomId);
    if (!room || roomId !== this.place() || roomId === this.keepUnread || document.hidden || !document.hasFocus() || !this.server.joined) return;
    if (seq <= room.readSeq && !(room.unread > 0 && seq >= room.lastSeq)) return;
    await this.mark(roomId, seq);
  }

  private async mark(roomId: string, seq: number): Promise<void> {
    const answer = await this.server.ask('room-read', { roomId, seq });
    if (answer?.success) this.rooms.read(answer, answer);
    else if (answer?.code === 'unavailable') setTimeout(() => roomId !== this.keepUnread && void this.mark(roomId, seq), (answer.retryAfter ?? 1) * 1000);
  }

  /** Says that all of a room is read, and takes the line away. */
  async markAll(roomId: string): Promise<void> {
    this.keepUnread = '';
    const room = this.rooms.find(roomId);
    if (roomId === this.place()) this.line = undefined;
    if (room) await this.mark(roomId, Math.max(room.lastSeq, this.logs.of(roomId).last));
  }

  /** Marks as unread what begins with a message. Returns what is wrong, or nothing. */
  async markUnread(m: Message): Promise<string> {
    this.keepUnread = m.roomId;
    const answer = await this.server.ask('room-read', { roomId: m.roomId, seq: m.seq - 1, unread: true });
    if (!answer?.success) return answer?.error ?? t('no-connection');
    this.line = { seq: m.seq, count: answer.unread, since: new Date(m.timestamp) };
    this.rooms.read(answer, answer);
    return '';
  }

  /** A message of somebody else has come while nobody looks at the room: the line stands before it. */
  missed(m: Message): void {
    if (!this.line) this.line = { seq: m.seq, count: 1, since: new Date(m.timestamp) };
  }

  clearLine(): void {
    this.line = undefined;
  }

  /** Tells, not for each message but now and then, that this device has what was written. */
  has(m: Message): void {
    const members = this.rooms.find(m.roomId)?.members ?? 0;
    if (members === 0 || members > RECEIPTS_UP_TO) return;
    this.delivered.set(m.roomId, Math.max(m.seq, this.delivered.get(m.roomId) ?? 0));
    this.deliveredTimer ??= setTimeout(() => {
      this.deliveredTimer = undefined;
      for (const [roomId, seq] of this.delivered) void this.server.ask('room-delivered', { roomId, seq });
      this.delivered.clear();
    }, DELIVERED_AFTER);
  }
}
