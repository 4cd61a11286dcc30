import Bold from '@lucide/svelte/icons/bold';
import Braces from '@lucide/svelte/icons/square-code';
import Code from '@lucide/svelte/icons/code';
import Italic from '@lucide/svelte/icons/italic';
import Link from '@lucide/svelte/icons/link';
import List from '@lucide/svelte/icons/list';
import ListOrdered from '@lucide/svelte/icons/list-ordered';
import Strike from '@lucide/svelte/icons/strikethrough';
import TextQuote from '@lucide/svelte/icons/text-quote';
import type { Key } from '../i18n/index.svelte';
import { fence, link, mark, prefix, type Edited } from '../state/format';

export interface Format {
  label: Key;
  icon: typeof Bold;
  /** Ctrl, or ⌘, and this. */
  key?: string;
  change: (now: Edited) => Edited;
}

/** What the composer can do to what is selected. */
export const formats: Format[] = [
  { label: 'format-bold', icon: Bold, key: 'B', change: (e) => mark(e, '**') },
  { label: 'format-italic', icon: Italic, key: 'I', change: (e) => mark(e, '_') },
  { label: 'format-strike', icon: Strike, key: 'Shift+X', change: (e) => mark(e, '~~') },
  { label: 'format-code', icon: Code, key: 'E', change: (e) => mark(e, '`') },
  { label: 'format-block', icon: Braces, key: 'Shift+E', change: fence },
  { label: 'format-link', icon: Link, key: 'K', change: link },
  { label: 'format-quote', icon: TextQuote, key: 'Shift+9', change: (e) => prefix(e, '> ') },
  { label: 'format-list', icon: List, key: 'Shift+8', change: (e) => prefix(e, '- ') },
  { label: 'format-numbers', icon: ListOrdered, key: 'Shift+7', change: (e) => prefix(e, '#. ') },
];

/** What keys mean in the composer. Ctrl+K makes a link of what is selected; without that it finds rooms and people, as everywhere. */
export function formatOf(event: KeyboardEvent, selected: boolean): Format | undefined {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return undefined;
  const digit = /^Digit(\d)$/.exec(event.code)?.[1]; // with Shift another sign on each keyboard
  const key = (event.shiftKey ? 'Shift+' : '') + (digit ?? event.key.toUpperCase());
  const found = formats.find((f) => f.key === key);
  return found?.key === 'K' && !selected ? undefined : found;
}
