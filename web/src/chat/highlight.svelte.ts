import type { Root } from 'hast';

interface Highlighter {
  registered(language: string): boolean;
  highlight(language: string, code: string): Root;
}

// Loaded with the first block of code that is shown; undefined until then.
const loaded = $state<{ by: Highlighter | undefined }>({ by: undefined });
let loading: Promise<void> | undefined;

/** A block of code as a tree of spans with classes; nothing while what reads it is loading, or for a language that it does not know. */
export function highlighted(language: string, code: string): Root | undefined {
  if (!language) return undefined;
  loading ??= import('lowlight').then(({ common, createLowlight }) => {
    loaded.by = createLowlight(common);
  }, () => (loading = undefined));
  return loaded.by?.registered(language) ? loaded.by.highlight(language, code) : undefined;
}
