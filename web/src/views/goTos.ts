import type { Chat } from '../chat/chat.svelte';
import { prefs } from '../chat/prefs.svelte';
import { t } from '../i18n/index.svelte';
import { administers } from '../state/administration';

export interface GoTo {
  label: string;
  key?: string;
  run: () => void;
}

/** What the page can do, for the switcher and for the list of keys. */
export function goTos(chat: Chat): GoTo[] {
  const { panes } = chat;
  const later = (open: () => void) => () => setTimeout(open); // after the dialog that it was chosen in has closed
  return [
    ...(chat.session.me.role === 'guest' ? [] : [{ label: t('new-room'), run: later(() => (panes.dialog = 'new-room')) }]),
    { label: t('browse-rooms'), run: later(() => (panes.dialog = 'directory')) },
    { label: t('search-messages'), key: 'Ctrl+Shift+F', run: () => panes.showPanel({ kind: 'search' }) },
    { label: t('mentions'), key: 'Ctrl+Shift+M', run: () => panes.showPanel({ kind: 'mentions' }) },
    { label: t('threads'), run: () => panes.showPanel({ kind: 'threads' }) },
    { label: t('saved-messages'), run: () => panes.showPanel({ kind: 'saved' }) },
    { label: t('pinned-messages'), run: () => panes.showPanel({ kind: 'pins' }) },
    { label: t('for-later'), run: () => panes.showPanel({ kind: 'later' }) },
    { label: t('members'), run: () => panes.showPanel({ kind: 'members' }) },
    { label: t('account'), run: later(() => (panes.dialog = 'account')) },
    { label: t('settings'), run: later(() => (panes.dialog = 'settings')) },
    ...(administers(chat.session.me.role) ? [{ label: t('administration'), run: later(() => (panes.dialog = 'admin')) }] : []),
    { label: t('theme-dark'), run: () => prefs.setTheme('dark') },
    { label: t('theme-light'), run: () => prefs.setTheme('light') },
    { label: t('keys'), key: 'Ctrl+/', run: later(() => (panes.dialog = 'help')) },
  ];
}

/** Opens the next or the one before of the rooms as the sidebar has them, or of those with something unread. */
export function step(chat: Chat, by: number, unreadOnly: boolean): void {
  const all = [...chat.rooms.sorted.favourites, ...chat.rooms.sorted.rooms, ...chat.rooms.sorted.direct];
  const at = all.findIndex((r) => r.roomId === chat.rooms.current);
  for (let i = 1; i <= all.length; i++) {
    const next = all[(at + by * i + all.length * i) % all.length];
    if (next && (!unreadOnly || next.unread > 0)) return void chat.open(next.roomId);
  }
}

const PANES = ['.sidebar', '.room .timeline [tabindex="0"]', '.panel', '.room .composer textarea'];

/** Moves the focus to the next pane. */
export function nextPane(back: boolean): void {
  const all = PANES.map((s) => document.querySelector<HTMLElement>(s)).filter((e): e is HTMLElement => e !== null && e.checkVisibility());
  const at = all.findIndex((e) => e.contains(document.activeElement));
  const pane = all[(at + (back ? -1 : 1) + all.length) % all.length];
  (pane?.matches('.sidebar') ? pane.querySelector<HTMLElement>('button') : pane)?.focus();
}
