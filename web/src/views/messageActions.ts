import AlarmClock from '@lucide/svelte/icons/alarm-clock';
import Bookmark from '@lucide/svelte/icons/bookmark';
import BookmarkMinus from '@lucide/svelte/icons/bookmark-minus';
import CircleCheck from '@lucide/svelte/icons/circle-check';
import Copy from '@lucide/svelte/icons/copy';
import Forward from '@lucide/svelte/icons/forward';
import Link from '@lucide/svelte/icons/link';
import Mail from '@lucide/svelte/icons/mail';
import MessagesSquare from '@lucide/svelte/icons/messages-square';
import Pencil from '@lucide/svelte/icons/pencil';
import Pin from '@lucide/svelte/icons/pin';
import PinOff from '@lucide/svelte/icons/pin-off';
import Reply from '@lucide/svelte/icons/reply';
import Trash from '@lucide/svelte/icons/trash-2';
import type { Chat } from '../chat/chat.svelte';
import { t } from '../i18n/index.svelte';
import { linkTo } from '../state/links';
import type { Message } from '../wire';

export interface Action {
  label: string;
  icon: typeof Copy;
  run: () => void;
  key?: string;
  danger?: boolean;
}

/** What can be done with a message, besides reacting to it: a menu with the pointer, a sheet on touch. */
export function actionsOf(chat: Chat, message: Message, mine: boolean): Action[] {
  const out: Action[] = [];
  const place = chat.of(message.roomId);
  if (place?.mayWrite) out.push({ label: t('reply'), icon: Reply, key: 'R', run: () => (place.composing = { mode: 'reply', message }) });
  if (place && !place.isThread) out.push({ label: t('thread'), icon: MessagesSquare, key: 'T', run: () => void chat.threads.open(message) });
  if (mine && place?.mayWrite && !message.poll && !message.forward) out.push({ label: t('edit'), icon: Pencil, key: 'E', run: () => (place.composing = { mode: 'edit', message }) });
  const { personal, server, panes } = chat;
  const note = (problem: string) => (chat.notice = problem);
  const saved = personal.isSaved(message.id);
  if (!place?.isThread) out.push({ label: t(message.pinned ? 'unpin' : 'pin'), icon: message.pinned ? PinOff : Pin, run: () => void server.attempt('message-pin', { roomId: message.roomId, messageId: message.id, on: !message.pinned }).then(note) });
  out.push({ label: t(saved ? 'unsave-message' : 'save-message'), icon: saved ? BookmarkMinus : Bookmark, run: () => void personal.set('message-save', { roomId: message.roomId, messageId: message.id, on: !saved }).then(note) });
  out.push({ label: t('forward'), icon: Forward, run: () => (panes.forwarding = message) });
  out.push({ label: t('remind'), icon: AlarmClock, run: () => (panes.reminding = message) });
  if (message.poll && !message.poll.closedAt && (mine || chat.rooms.mayModerate)) out.push({ label: t('poll-close'), icon: CircleCheck, run: () => void server.attempt('poll-close', { roomId: message.roomId, messageId: message.id }).then(note) });
  out.push({ label: t('copy-text'), icon: Copy, run: () => void copy(message.text) });
  out.push({ label: t('copy-link'), icon: Link, run: () => void copy(location.origin + linkTo(message.roomId, message.id)) });
  if (!mine && place) out.push({ label: t('mark-unread'), icon: Mail, key: 'Shift+U', run: () => void place.reading.markUnread(message).then((problem) => (chat.notice = problem)) });
  if (mine || chat.rooms.mayModerate) out.push({ label: t('delete'), icon: Trash, danger: true, run: () => (chat.panes.deleting = message) });

  async function copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      chat.notice = t('copied');
    } catch {
      chat.notice = t('not-copied');
    }
  }
  return out;
}
