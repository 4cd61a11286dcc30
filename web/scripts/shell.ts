import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

/** The parts of the shell that the build only copies. */
const COPIED = ['theme.js', 'icon.svg', 'icon-unread.svg', 'icon-mention.svg', 'icon-192.png', 'badge-96.png', 'manifest.webmanifest'];

/** What is not kept before it is used: languages but English, the emoji and the grammars of code, which are larger than all the rest together, and
 * what administrators alone use. */
const LATER = /^assets\/(data|lowlight|Admin|lang-[a-z]+)-/;

/** Tells the service worker what the page's shell is made of. */
export function shell(): Plugin {
  return {
    name: 'shell',
    apply: 'build',
    enforce: 'post',
    generateBundle(_, bundle) {
      const worker = bundle['sw.js'];
      if (worker?.type !== 'chunk') throw new Error('the service worker was not built');
      if (worker.imports.length > 0) throw new Error('the service worker must be one file');
      const built = Object.values(bundle).filter((b) => b.fileName.startsWith('assets/') && !LATER.test(b.fileName));
      const hash = createHash('sha256');
      for (const b of [...built.map((b) => b.fileName), worker.code, String(pageOf(bundle))]) hash.update(b);
      for (const name of COPIED) hash.update(readFileSync(join(import.meta.dirname, '../public', name)));
      const what = { version: hash.digest('hex').slice(0, 12), files: ['/', ...COPIED.map((n) => `/${n}`), ...built.map((b) => `/${b.fileName}`).sort()] };
      const before = worker.code;
      worker.code = before.replace(/(["'`])__SHELL__\1/, () => JSON.stringify(what));
      if (worker.code === before) throw new Error('the service worker has no place for its list');
    },
  };
}

function pageOf(bundle: Record<string, { type: string; source?: string | Uint8Array }>): string | Uint8Array {
  const page = bundle['index.html'];
  if (page?.source === undefined) throw new Error('the page comes after the list of its parts');
  return page.source;
}
