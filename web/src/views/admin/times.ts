import { locale } from '../../i18n/index.svelte';
import { day } from '../dates';

const HOUR = 3_600_000;
const units: [Intl.RelativeTimeFormatUnit, number][] = [['day', 24 * HOUR], ['hour', HOUR], ['minute', HOUR / 60]];

/** How long ago, or how far ahead, a time is; of one that is more than a month away, the day. */
export function ago(time: Date, now = Date.now()): string {
  const away = time.getTime() - now;
  if (Math.abs(away) > 31 * 24 * HOUR) return day(time);
  const [unit, size] = units.find(([, size]) => Math.abs(away) >= size) ?? ['minute', HOUR / 60];
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(Math.round(away / size), unit);
}

/** A number as the page's language writes it. */
export const number = (n: number): string => new Intl.NumberFormat(locale()).format(n);

const inUnit = (n: number, unit: string, digits: number): string =>
  new Intl.NumberFormat(locale(), { style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: digits }).format(n);

/** So many bytes, in the unit that suits them. */
export function bytes(n: number): string {
  const units: [string, number][] = [['gigabyte', 1e9], ['megabyte', 1e6], ['kilobyte', 1e3]];
  const [unit, size] = units.find(([, size]) => n >= size) ?? ['byte', 1];
  return inUnit(n / size, unit, n / size < 10 ? 1 : 0);
}

export const milliseconds = (n: number): string => inUnit(n, 'millisecond', n < 10 ? 1 : 0);

/** How long so many milliseconds are, roughly. */
export function duration(ms: number): string {
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ['minute', HOUR / 60];
  return new Intl.NumberFormat(locale(), { style: 'unit', unit: String(unit), unitDisplay: 'long' }).format(Math.max(1, Math.floor(ms / size)));
}
