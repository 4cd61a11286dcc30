import { format, type Values } from './format';
import { language, locale } from './index.svelte';
import en from './locales/admin/en';

/** The texts of the administration, which few people ever see: they come with it, in a file of each language's beside the page's own. */
export type AdminTexts = typeof en;
export type AdminKey = keyof AdminTexts;

const files = import.meta.glob<{ default: Partial<AdminTexts> }>(['./locales/admin/*.ts', '!./locales/admin/en.ts']);
let texts = $state.raw<Partial<AdminTexts>>(en);

/** Loads the texts in the page's language. Where they cannot be had they are English. */
export async function loadAdminTexts(): Promise<void> {
  texts = en;
  try {
    texts = (await files[`./locales/admin/${language()}.ts`]?.())?.default ?? en;
  } catch {
    // It is said in English.
  }
}

/** The text of the administration with a key, with its {values}. */
export function ta(key: AdminKey, values?: Values): string {
  return format(texts[key] ?? en[key], values, locale());
}
