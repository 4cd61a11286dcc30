import { t } from '../i18n/index.svelte';
import type { RoomLog } from '../state/room';
import { layout, type Row } from '../state/rows';
import type { Message } from '../wire';
import type { Chat } from './chat.svelte';
import { Reading } from './reading.svelte';

/** How long a message that a link led to is highlighted, in milliseconds. */
const HIGHLIGHT = 2000;

/** What the composer is at, besides writing a new message. */
export type Composing = { mode: 'reply' | 'edit'; message: Message };

/** A place in the timeline that is to be shown: its seq, and a number that makes it another wish than the one before. */
export interface Target {
  seq: number;
  wish: number;
}

/** What is read and written in one place of the page: the open room, or the open thread. */
export class Conversation {
  readonly reading: Reading;
  composing = $state.raw<Composing | undefined>();
  /** A text that is to be changed in the composer. */
  refill = $state.raw<{ text: string } | undefined>();
  /** Messages of others as they arrive, for the announcer. */
  arrived = $state.raw<Message[]>([]);
  target = $state.raw<Target | undefined>();
  highlighted = $state(0);
  private wishes = 0;
  private highlightTimer: ReturnType<typeof setTimeout> | undefined;
  private laidOut: Row[] = [];

  /** place says which room it is, '' for none. */
  constructor(private readonly chat: Chat, private readonly place: () => string) {
    this.reading = new Reading(chat.server, chat.rooms, chat.logs, place);
  }

  get roomId(): string {
    return this.place();
  }

  /** The copy as it is now: another object whenever anything in it has changed. */
  private view = $derived.by(() => {
    const log = this.chat.logs.watch(this.roomId);
    return { messages: log.messages, hasOlder: log.hasOlder, hasNewer: log.hasNewer, loaded: log.loaded, last: log.last };
  });
  room = $derived.by(() => this.chat.rooms.find(this.roomId));
  isThread = $derived(this.room?.kind === 'thread');
  isDirect = $derived(this.room?.kind === 'direct' || this.room?.kind === 'group');
  mayWrite = $derived.by(() => this.chat.rooms.mayWriteIn(this.roomId));
  hasOlder = $derived(this.view.hasOlder);
  hasNewer = $derived(this.view.hasNewer);
  loading = $derived(!this.view.loaded && this.view.messages.length === 0);
  rows = $derived.by(() => {
    const { messages, hasOlder, hasNewer } = this.view;
    const waiting = hasNewer ? [] : this.chat.sending.items.filter((i) => i.roomId === this.roomId);
    return (this.laidOut = layout(messages, waiting, { ...this.chat.session.me, keywords: this.chat.personal.notify.keywords }, this.reading.line?.seq ?? 0, !hasOlder, this.laidOut));
  });

  get log(): RoomLog {
    return this.chat.logs.of(this.roomId);
  }

  /** Shows a message, and highlights it for a moment. */
  async goTo(seq: number, highlight = true): Promise<void> {
    if (!(await this.chat.logs.around(this.roomId, seq))) {
      this.chat.notice = t('message-not-found');
      return;
    }
    this.target = { seq, wish: ++this.wishes };
    if (!highlight) return;
    this.highlighted = seq;
    clearTimeout(this.highlightTimer);
    this.highlightTimer = setTimeout(() => (this.highlighted = 0), HIGHLIGHT);
  }

  send(text: string, mentions: string[] = [], alsoToRoom = false): void {
    const replyTo = this.composing?.mode === 'reply' ? this.composing.message.id : undefined;
    const { roomId } = this;
    this.composing = undefined;
    if (this.chat.logs.of(roomId).hasNewer) void this.chat.logs.newest(roomId);
    this.chat.sending.add({ roomId, text: text.trim(), replyTo, mentions: mentions.length > 0 ? mentions : undefined, ...(alsoToRoom ? { alsoToRoom } : {}) });
    this.reading.clearLine();
    this.chat.people.sent(roomId);
  }

  async edit(m: Message, text: string): Promise<string> {
    const problem = text.trim() === m.text ? '' : await this.chat.server.attempt('message-edit', { roomId: m.roomId, messageId: m.id, text });
    if (!problem) this.composing = undefined;
    return problem;
  }

  /** The last message that one has written here, to be edited. */
  lastOwn(): Message | undefined {
    return this.log.messages.findLast((m) => m.userId === this.chat.session.me.userId && !m.deletedAt && !m.poll && !m.forward);
  }
}
