import { locale, t } from '../i18n/index.svelte';

const made = new Map<string, Intl.DateTimeFormat>();

/** A format of the chosen language; making one is expensive. */
function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = locale() + JSON.stringify(options);
  let f = made.get(key);
  if (!f) made.set(key, (f = new Intl.DateTimeFormat(locale(), options)));
  return f;
}

export const clock = (date: Date): string => format({ hour: '2-digit', minute: '2-digit' }).format(date);
/** As it stands beside a line, where there is little room: without AM and PM. */
export const narrowClock = (date: Date): string =>
  format({ hour: 'numeric', minute: '2-digit' }).formatToParts(date).filter((p) => p.type !== 'dayPeriod').map((p) => p.value).join('').trim();
export const full = (date: Date): string => format({ dateStyle: 'full', timeStyle: 'short' }).format(date);
export const short = (date: Date): string => format({ dateStyle: 'medium', timeStyle: 'short' }).format(date);
export const day = (date: Date): string => format({ dateStyle: 'medium' }).format(date);

export function dayName(date: Date): string {
  const now = new Date();
  if (date.toDateString() === now.toDateString()) return t('today');
  if (date.toDateString() === new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).toDateString()) return t('yesterday');
  const year = date.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return format({ weekday: 'long', day: 'numeric', month: 'long', year }).format(date);
}
