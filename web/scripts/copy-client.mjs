// Copies the client library's bundles next to the page, so that the server can hand them to pages that load them by a script tag;
// with Brotli, which the server cannot make itself.
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';

const from = new URL('../node_modules/socket.io-client/dist/', import.meta.url);
const to = new URL('../dist/socket.io/', import.meta.url);
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from)) {
  cpSync(new URL(name, from), new URL(name, to));
  if (!name.endsWith('.map')) writeFileSync(new URL(`${name}.br`, to), brotliCompressSync(readFileSync(new URL(name, from))));
}
writeFileSync(new URL('../dist/.gitkeep', import.meta.url), '');
