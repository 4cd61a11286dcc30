// Copies the client library's bundles next to the page, so that the server can hand them to pages that load them by a script tag.
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';

const from = new URL('../node_modules/socket.io-client/dist/', import.meta.url);
const to = new URL('../dist/socket.io/', import.meta.url);
mkdirSync(to, { recursive: true });
for (const name of readdirSync(from)) cpSync(new URL(name, from), new URL(name, to));
writeFileSync(new URL('../dist/.gitkeep', import.meta.url), '');
