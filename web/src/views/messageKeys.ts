import type { Chat } from '../chat/chat.svelte';
import type { MessageRow } from '../state/rows';

/** What the keys do on a message that has the focus. */
export function messageKey(event: KeyboardEvent, row: MessageRow, chat: Chat): void {
  if (event.key === 'Escape') {
    event.stopPropagation();
    focusComposer(event.target as Element);
    return;
  }
  const m = row.message;
  if (!m || m.deletedAt || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = actions[event.shiftKey ? `Shift+${event.key.toUpperCase()}` : event.key.toLowerCase()] ?? actions[event.key];
  if (!act) return;
  event.preventDefault();
  act(chat, row);
}

/** Puts the focus where one writes: beside an element in a thread, or else in the room. */
export function focusComposer(near?: Element): void {
  (near?.closest('.panel') ?? document).querySelector<HTMLTextAreaElement>('.composer textarea')?.focus();
}

const actions: Record<string, (chat: Chat, row: MessageRow) => void> = {
  r: (chat, { message }) => {
    const place = message && chat.of(message.roomId);
    if (place?.mayWrite) place.composing = { mode: 'reply', message: message! };
  },
  e: (chat, { message }) => {
    const place = message && chat.of(message.roomId);
    if (place?.mayWrite && message!.userId === chat.session.me.userId && !message!.poll && !message!.forward) place.composing = { mode: 'edit', message: message! };
  },
  t: (chat, { message }) => message && !chat.of(message.roomId)?.isThread && void chat.threads.open(message),
  '+': (_, { key }) => document.querySelector<HTMLButtonElement>(`[data-key="${CSS.escape(key)}"] .react`)?.click(),
  'Shift+U': (chat, { message }) => message && void chat.of(message.roomId)?.reading.markUnread(message).then((problem) => (chat.notice = problem)),
};
