/** What stands in a text's braces. */
export type Values = Record<string, string | number>;

const PLURAL = /\{(\w+), plural,((?:\s*[=\w]+\s*\{[^{}]*\})+)\s*\}/g;
const BRANCH = /([=\w]+)\s*\{([^{}]*)\}/g;

const numbers = new Map<string, Intl.NumberFormat>();
const plurals = new Map<string, Intl.PluralRules>();

function cached<T>(kept: Map<string, T>, locale: string, make: () => T): T {
  let made = kept.get(locale);
  if (!made) kept.set(locale, (made = make()));
  return made;
}

function writeNumber(n: number, locale: string): string {
  return cached(numbers, locale, () => new Intl.NumberFormat(locale)).format(n);
}

/** Writes a text with its values: {name}, and plurals as {n, plural, one {# reply} other {# replies}}, as ICU has them. */
export function format(text: string, values: Values = {}, locale = 'en'): string {
  if (!text.includes('{')) return text;
  const written = text.replace(PLURAL, (_, name: string, body: string) => {
    const n = Number(values[name] ?? 0);
    const branches = new Map([...body.matchAll(BRANCH)].map(([, which, what]) => [which, what] as const));
    const branch = branches.get(`=${n}`) ?? branches.get(cached(plurals, locale, () => new Intl.PluralRules(locale)).select(n)) ?? branches.get('other') ?? '';
    return branch.replaceAll('#', writeNumber(n, locale));
  });
  return written.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    return typeof value === 'number' ? writeNumber(value, locale) : (value ?? '');
  });
}
