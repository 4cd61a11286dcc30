import type { Chat } from '../chat/chat.svelte';
import type { MessageRow } from '../state/rows';

/** What the keys do on a message that has the focus. */
export function messageKey(event: KeyboardEvent, row: MessageRow, chat: Chat): void {
  if (event.key === 'Escape') {
    event.stopPropagation();
    focusComposer();
    return;
  }
  const m = row.message;
  if (!m || m.deletedAt || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = actions[event.shiftKey ? `Shift+${event.key.toUpperCase()}` : event.key.toLowerCase()] ?? actions[event.key];
  if (!act) return;
  event.preventDefault();
  act(chat, row);
}

export function focusComposer(): void {
  document.querySelector<HTMLTextAreaElement>('.composer textarea')?.focus();
}

const actions: Record<string, (chat: Chat, row: MessageRow) => void> = {
  r: (chat, { message }) => message && chat.rooms.mayWrite && (chat.composing = { mode: 'reply', message }),
  e: (chat, { message }) => message && message.userId === chat.session.me.userId && (chat.composing = { mode: 'edit', message }),
  '+': (_, { key }) => document.querySelector<HTMLButtonElement>(`[data-key="${CSS.escape(key)}"] .react`)?.click(),
  'Shift+U': (chat, { message }) => message && void chat.reading.markUnread(message).then((problem) => (chat.notice = problem)),
};
