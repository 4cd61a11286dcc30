import { t } from '../i18n/index.svelte';
import type { Message, MyRoom, Thread } from '../wire';
import type { Chat } from './chat.svelte';

/** The threads that one follows, and the one that is open. */
export class Threads {
  /** How many of those that are followed have something new, and how often they call one. */
  unread = $derived.by(() => [...this.chat.rooms.threads.values()].filter((r) => r.following && r.unread > 0).length);
  mentions = $derived.by(() => [...this.chat.rooms.threads.values()].reduce((n, r) => n + (r.following ? r.mentions : 0), 0));

  constructor(private readonly chat: Chat) {
    chat.server.connection.socket.on('thread-followed', ({ roomId, following }) => {
      const room = chat.rooms.threads.get(roomId);
      if (!following && room) chat.rooms.threads.set(roomId, { ...room, following });
      else if (following) void chat.rooms.refresh(roomId);
    });
  }

  /** A connection hears of the threads that are followed once it has asked for them, and of the open one when it says so. */
  async welcome(): Promise<void> {
    const { panel } = this.chat.panes;
    await this.list({});
    if (panel?.kind !== 'thread') return;
    const opened = await this.chat.server.ask('thread-open', { roomId: panel.root.roomId, messageId: panel.root.id });
    if (!opened?.success) return;
    this.chat.rooms.put(opened.room);
    await this.chat.logs.catchUp(panel.roomId);
  }

  async list(which: { roomId?: string; unread?: boolean; cursor?: number }): Promise<{ threads: Thread[]; cursor?: number; problem: string }> {
    const answer = await this.chat.server.ask('thread-list', which);
    if (!answer?.success) return { threads: [], problem: answer?.error ?? t('no-connection') };
    for (const { room } of answer.threads) this.chat.rooms.put(room);
    return { threads: answer.threads, cursor: answer.cursor, problem: '' };
  }

  /** Opens the thread about a message beside the conversation, at its end or at a reply. */
  async open(root: Message, seq?: number): Promise<void> {
    const { chat } = this;
    const answer = await chat.server.ask('thread-open', { roomId: root.roomId, messageId: root.id });
    if (!answer?.success) {
      chat.notice = answer?.error ?? t('no-connection');
      return;
    }
    const { roomId } = answer;
    chat.rooms.put(answer.room);
    chat.thread.composing = undefined;
    chat.thread.reading.clearLine();
    chat.panes.showPanel({ kind: 'thread', roomId, root });
    await chat.logs.restore(roomId);
    await chat.logs.catchUp(roomId);
    if (chat.thread.roomId !== roomId) return;
    void chat.thread.reading.opened(roomId);
    if (seq !== undefined) await chat.thread.goTo(seq);
  }

  /** The panel shows something else: the connection need not hear of the thread any more, unless it is followed. */
  closed(roomId: string): void {
    this.chat.logs.of(roomId).trim();
    if (this.chat.server.joined) void this.chat.server.ask('thread-close', { roomId });
  }

  async follow(room: MyRoom, on: boolean): Promise<void> {
    const answer = await this.chat.server.ask('thread-follow', { roomId: room.roomId, on });
    if (answer?.success) this.chat.rooms.put(answer.room);
    else this.chat.notice = answer?.error ?? t('no-connection');
  }
}
