// The real client library in a real browser, over HTTP/3: with WebTransport at once, and as an upgrade from polling.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Parley, launch } from './harness.mjs';

let browser, server, port, hash;
const dir = mkdtempSync(join(tmpdir(), 'parley-tls-'));

before(async () => {
  // Browsers take a certificate by its hash if it is ECDSA and lives for at most two weeks.
  execFileSync('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '10', '-subj', '/CN=127.0.0.1',
    '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem'),
  ], { stdio: 'ignore' });
  hash = new X509Certificate(readFileSync(join(dir, 'cert.pem'))).fingerprint256.replaceAll(':', '');
  const probe = createSocket('udp4').bind(0, '127.0.0.1');
  await once(probe, 'listening');
  port = probe.address().port;
  await new Promise((closed) => probe.close(closed));
  server = await Parley.start({
    ALLOWED_ORIGINS: '*', // the port is another one than the page's
    PARLEY_WEBTRANSPORT_ADDR: `127.0.0.1:${port}`, PARLEY_TLS_CERT: join(dir, 'cert.pem'), PARLEY_TLS_KEY: join(dir, 'key.pem'),
  });
  browser = await launch({ quic: true });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  rmSync(dir, { recursive: true });
});

/** Connects in a page, talks, and tells by which transports. */
async function converse(transports) {
  const page = await browser.newPage();
  await page.goto(`${server.url}/health`);
  await page.addScriptTag({ url: `${server.url}/socket.io/socket.io.min.js` });
  try {
    return await page.evaluate(async ({ url, transports, port, hash }) => {
      const value = Uint8Array.from(hash.match(/../g), (hex) => parseInt(hex, 16));
      const options = { hostname: '127.0.0.1', port, serverCertificateHashes: [{ algorithm: 'sha-256', value: value.buffer }] };
      const socket = window.io(url, { transports, transportOptions: { webtransport: options }, reconnection: false });
      const fails = new Promise((_, reject) => {
        socket.on('connect_error', (e) => reject(new Error(`${e.message}: ${e.description ?? ''} ${e.context ?? ''}`)));
        setTimeout(() => reject(new Error(`still over ${socket.io.engine?.transport?.name}`)), 15_000);
      });
      await Promise.race([fails, new Promise((done) => socket.on('connect', done))]);
      const seen = [socket.io.engine.transport.name];
      if (seen[0] !== 'webtransport') {
        await Promise.race([fails, new Promise((done) => socket.io.engine.on('upgrade', done))]);
        seen.push(socket.io.engine.transport.name);
      }
      const heard = new Promise((done) => socket.on('new-message', (m) => m.text.startsWith('long') && done(m.text.length)));
      const joined = await socket.timeout(5000).emitWithAck('user-join', { username: `by ${transports[0]}` });
      const text = `long ${'ä'.repeat(3000)}`;
      const sent = await socket.timeout(5000).emitWithAck('chat-message', { text });
      const length = await Promise.race([fails, heard]);
      const closed = new Promise((done) => socket.on('disconnect', done));
      socket.disconnect();
      return { seen, joined: joined.success, sent: sent.success, same: length === text.length, closed: await closed };
    }, { url: server.url, transports, port, hash });
  } finally {
    await page.close();
  }
}

test('WebTransport at once', async () => {
  assert.deepEqual(await converse(['webtransport']), {
    seen: ['webtransport'], joined: true, sent: true, same: true, closed: 'io client disconnect',
  });
});

test('polling, then WebTransport', async () => {
  assert.deepEqual(await converse(['polling', 'webtransport']), {
    seen: ['polling', 'webtransport'], joined: true, sent: true, same: true, closed: 'io client disconnect',
  });
});
