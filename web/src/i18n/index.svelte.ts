import { recall, remember } from '../storage';
import { format, type Values } from './format';
import en from './locales/en';

/** The texts of a language, as a file below locales has them: its name is the language's tag, its default export the texts. */
export type Texts = typeof en;
export type Key = keyof Texts;

// A language is a file, whose name is the language's tag. English is at hand, the others are loaded when they are chosen.
const files = import.meta.glob<{ default: Partial<Texts> }>(['./locales/*.ts', '!./locales/en.ts']);
const tagOf = (path: string) => path.slice('./locales/'.length, -'.ts'.length);

/** The tags of the languages there are. */
export const languages: string[] = ['en', ...Object.keys(files).map(tagOf)].sort();
const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

// What a language does not say yet is said in English.
const current = $state<{ tag: string; locale: string; texts: Partial<Texts> }>({ tag: 'en', locale: navigator.language || 'en', texts: en });

/** The text with a key, in the chosen language, with its {values}. */
export function t(key: Key, values?: Values): string {
  return format(current.texts[key] ?? en[key], values, current.locale);
}

/** The chosen language's tag. */
export function language(): string {
  return current.tag;
}

/** The locale by which numbers and dates are written. */
export function locale(): string {
  return current.locale;
}

/** What a language calls itself. */
export function languageName(tag: string): string {
  return new Intl.DisplayNames([tag], { type: 'language' }).of(tag) ?? tag;
}

/** Chooses a language; without one, the first of the browser's that there is. */
export async function setLanguage(chosen: string | null, save = true): Promise<void> {
  if (save) remember('language', chosen);
  const wanted = chosen ? [chosen] : navigator.languages;
  const tag = wanted.map((w) => languages.find((l) => l === w) ?? languages.find((l) => l === w.split('-')[0])).find((l) => l !== undefined) ?? 'en';
  const texts = tag === 'en' ? en : (await files[`./locales/${tag}.ts`]?.())?.default;
  if (!texts) return;
  const regional = navigator.languages.find((l) => l.split('-')[0] === tag);
  Object.assign(current, { tag, texts, locale: regional ?? tag });
  document.documentElement.lang = tag;
  document.documentElement.dir = RIGHT_TO_LEFT.has(tag) ? 'rtl' : 'ltr';
}

/** Whether a language was chosen, rather than the browser's taken. */
export function chosenLanguage(): string | null {
  return recall('language');
}
