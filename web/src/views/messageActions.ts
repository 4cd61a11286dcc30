import Copy from '@lucide/svelte/icons/copy';
import Link from '@lucide/svelte/icons/link';
import Mail from '@lucide/svelte/icons/mail';
import Pencil from '@lucide/svelte/icons/pencil';
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
  if (chat.rooms.mayWrite) out.push({ label: t('reply'), icon: Reply, key: 'R', run: () => (chat.composing = { mode: 'reply', message }) });
  if (mine && chat.rooms.mayWrite) out.push({ label: t('edit'), icon: Pencil, key: 'E', run: () => (chat.composing = { mode: 'edit', message }) });
  out.push({ label: t('copy-text'), icon: Copy, run: () => void copy(message.text) });
  out.push({ label: t('copy-link'), icon: Link, run: () => void copy(location.origin + location.pathname + linkTo(message.roomId, message.seq)) });
  if (!mine) out.push({ label: t('mark-unread'), icon: Mail, key: 'Shift+U', run: () => void chat.reading.markUnread(message).then((problem) => (chat.notice = problem)) });
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
