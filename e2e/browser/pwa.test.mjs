// The page as something that is installed: it starts without a connection, and says when there is a newer one.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Parley, becomes, connected, eventually, launch, line, person, say, seesOnce, violations, watch } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Waits until the page's service worker answers for it. */
async function kept(page) {
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller) await new Promise((done) => navigator.serviceWorker.addEventListener('controllerchange', done, { once: true }));
  });
}

test('Chromium finds nothing that keeps the page from being installed', async () => {
  const profile = mkdtempSync(join(tmpdir(), 'parley-profile-'));
  const context = await launch.persistent(profile); // nothing is installed from a private window
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    const problems = watch(page);
    await page.goto(server.url);
    await connected(page);
    await kept(page);
    const devtools = await context.newCDPSession(page);
    const manifest = await devtools.send('Page.getAppManifest');
    assert.deepEqual(manifest.errors, []);
    assert.equal(JSON.parse(manifest.data).name, 'Parley');
    await eventually(async () => {
      const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
      return installabilityErrors.length === 0 || JSON.stringify(installabilityErrors);
    }, 'nothing that keeps it from being installed');
    for (const icon of JSON.parse(manifest.data).icons) {
      const answer = await fetch(server.url + icon.src);
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, icon.type]);
    }
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
});

test('the page starts without a connection, with what was read last, and what is written then arrives once', async () => {
  const ana = await person(browser, server.url, { name: 'Ana', bypassCSP: false });
  await connected(ana.page);
  await kept(ana.page);
  await say(ana.page, 'read before the tunnel');
  await seesOnce(ana.page, 'read before the tunnel');
  await eventually(() => ana.page.evaluate(() => new Promise((done) => {
    const opening = indexedDB.open('parley');
    opening.onsuccess = () => {
      const get = opening.result.transaction('logs').objectStore('logs').get('general');
      get.onsuccess = () => {
        opening.result.close();
        done(JSON.stringify(get.result ?? '').includes('read before the tunnel'));
      };
    };
  })), 'the message is kept on the device');
  await ana.context.setOffline(true);
  await ana.page.reload();
  await seesOnce(ana.page, 'read before the tunnel');
  await becomes(() => ana.page.getByRole('heading', { name: 'General' }).count(), 1);
  await say(ana.page, 'written in the tunnel');
  await line(ana.page, 'written in the tunnel').waitFor();
  await ana.page.close();
  const again = await ana.context.newPage();
  const problems = watch(again);
  await again.goto(server.url);
  await line(again, 'written in the tunnel').waitFor();
  await ana.context.setOffline(false);
  await connected(again);
  await eventually(async () => (await again.locator('.message[data-seq]', { hasText: 'written in the tunnel' }).count()) === 1, 'it arrived');
  await seesOnce(again, 'written in the tunnel');
  assert.deepEqual([...ana.problems, ...problems], []);
  await ana.context.close();
});

test('what the worker keeps is the shell and nothing of the conversation', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  await kept(ana.page);
  await ana.page.reload();
  await connected(ana.page);
  const paths = await ana.page.evaluate(async () => {
    const all = [];
    for (const name of await caches.keys()) for (const r of await (await caches.open(name)).keys()) all.push(new URL(r.url).pathname);
    return all;
  });
  assert.ok(paths.includes('/') && paths.includes('/icon-192.png') && paths.some((p) => p.endsWith('.css')), `${paths}`);
  assert.deepEqual(paths.filter((p) => !/^\/(assets\/[^/]+|[^/]*)$/.test(p) || /^\/(socket\.io|api|metrics|health|ready)/.test(p)), []);
  const policy = (await fetch(server.url)).headers.get('content-security-policy');
  assert.match(policy, /require-trusted-types-for 'script'/);
  await ana.context.close();
});

/** The server as it will be after an update: its service worker is another one. */
async function updated() {
  const state = { newer: false };
  const front = createServer((req, res) => {
    const on = request({ port: server.port, path: req.url, method: req.method, headers: { ...req.headers, 'accept-encoding': 'identity' } }, (answer) => {
      const headers = { ...answer.headers };
      const changed = req.url === '/sw.js' && state.newer;
      if (changed) delete headers['content-length'];
      res.writeHead(answer.statusCode, headers);
      if (changed) res.write('// of the next version\n');
      answer.pipe(res);
    });
    on.on('error', () => res.destroy());
    req.pipe(on);
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  return { state, url: `http://localhost:${front.address().port}`, stop: () => (front.close(), front.closeAllConnections()) };
}

test('a newer version is offered, and taken when the person wants it', async () => {
  const front = await updated();
  try {
    const ana = await person(browser, front.url, { name: 'Ana', bypassCSP: true });
    await connected(ana.page);
    await kept(ana.page);
    await becomes(() => ana.page.getByText('A newer version of this page is ready.').count(), 0);
    front.state.newer = true;
    await ana.page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
    await ana.page.getByText('A newer version of this page is ready.').waitFor();
    assert.deepEqual(await violations(ana.page), []);
    await ana.page.evaluate(() => (window.before = true));
    await ana.page.getByRole('button', { name: 'Reload' }).click();
    await eventually(() => ana.page.evaluate(() => window.before === undefined), 'the page is loaded anew');
    await connected(ana.page);
    await becomes(() => ana.page.getByText('A newer version of this page is ready.').count(), 0);
    assert.deepEqual(ana.problems, []);
    await ana.context.close();
  } finally {
    front.stop();
  }
});
