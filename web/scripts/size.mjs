// Fails when what the page loads before it can be used has grown too large: the scripts that index.html names, and what they import.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const MOST = 120 * 1024;
const dist = new URL('../dist/', import.meta.url);
const read = (name) => readFileSync(new URL(name, dist));
const found = new Set();

function take(name) {
  if (found.has(name)) return;
  found.add(name);
  const source = read(name).toString();
  // Imports that are not functions' calls are loaded with the file.
  for (const [, from] of source.matchAll(/(?:^|[;}])\s*(?:import|export)(?:[^'"();]*?from)?\s*["']\.\/([^"']+\.js)["']/g)) take(`assets/${from}`);
}

for (const [, name] of read('index.html').toString().matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)) take(name);
const bytes = [...found].reduce((sum, name) => sum + gzipSync(read(name), { level: 9 }).length, 0);
if (found.size === 0 || bytes > MOST) {
  console.error(`The page's first JavaScript is ${(bytes / 1024).toFixed(1)} KB gzipped, in ${found.size} files: more than ${MOST / 1024} KB, or nothing was found.`);
  process.exit(1);
}
if (process.argv.includes('--tell')) console.log(`${(bytes / 1024).toFixed(1)} KB gzipped, in ${found.size} files`);
