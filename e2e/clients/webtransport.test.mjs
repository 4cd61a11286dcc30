// Recovery over WebTransport, in a real browser: the connection fails, the client comes back over HTTP/3, and nothing is missing.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { launch, pageOf } from './browser.mjs';
import { startServer } from './harness.mjs';

let browser, server, hash;
const dir = mkdtempSync(join(tmpdir(), 'webtransport-'));

before(async () => {
  // Browsers take a certificate by its hash if it is ECDSA and lives for at most two weeks.
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(dir, name));
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '10', '-subj', '/CN=127.0.0.1',
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert,
  ], { stdio: 'ignore' });
  hash = new X509Certificate(readFileSync(cert)).fingerprint256.replaceAll(':', '');
  server = await startServer('-suite', 'browser', '-cert', cert, '-key', key);
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(dir, { recursive: true });
});

for (const transports of [['webtransport'], ['polling', 'webtransport']]) {
  test(`recovery over ${transports.join(', then ')}`, async (t) => {
    const page = await pageOf(browser, server.url);
    t.after(() => page.close());
    const seen = await page.evaluate(async ({ transports, hash }) => {
      const value = Uint8Array.from(hash.match(/../g), (hex) => parseInt(hex, 16));
      const options = { serverCertificateHashes: [{ algorithm: 'sha-256', value: value.buffer }] };
      const socket = window.io({ transports, transportOptions: { webtransport: options }, reconnectionDelay: 50 });
      const events = [];
      socket.onAny((name, ...args) => events.push([name, ...args.slice(0, -1).map((a) => (a instanceof ArrayBuffer ? [...new Uint8Array(a)] : a))]));
      const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`too late: ${JSON.stringify(events)}`)), 20_000));
      const next = (target, event) => Promise.race([late, new Promise((done) => target.once(event, done))]);
      const settled = async () => {
        if (socket.io.engine.transport.name !== 'webtransport') await next(socket.io.engine, 'upgrade');
        return (await socket.timeout(10_000).emitWithAck('where'))[1];
      };
      await next(socket, 'connect');
      const { id } = socket;
      const first = await settled();
      const [lost, back] = [next(socket, 'disconnect'), new Promise((done) => socket.once('disconnect', () => done(next(socket, 'connect'))))];
      socket.emit('cut');
      const reason = await lost;
      await back;
      const second = await settled();
      const result = { first, second, recovered: socket.recovered, same: socket.id === id, reason, events };
      socket.disconnect();
      return result;
    }, { transports, hash });
    assert.deepEqual(seen, {
      first: 'webtransport', second: 'webtransport', recovered: true, same: true, reason: 'transport error',
      events: [['missed', 0, [0]], ['missed', 1, [1]], ['missed', 2, [2]]],
    });
  });
}
