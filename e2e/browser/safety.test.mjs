import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Parley, connected, eventually, launch, person, rename, say, showPeople, watch } from './harness.mjs';
import { vectors } from './xss.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start({ PARLEY_EVENTS_PER_MINUTE: '1000000' });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const BATCH = 12;

/** Sends messages as somebody else, from a page. Returns the last one's seq. */
function send(page, texts) {
  return page.evaluate(async (all) => {
    const { io } = await import('/socket.io/socket.io.esm.min.js');
    const socket = (window.sender ??= io({ forceNew: true, transports: ['websocket'] }));
    if (!socket.connected) await new Promise((done) => socket.on('connect', done));
    await socket.emitWithAck('user-join', { username: 'Mallory' });
    let seq = 0;
    for (const text of all) seq = (await socket.emitWithAck('chat-message', { text })).seq;
    return seq;
  }, texts);
}

test('no text and no name runs anything', async () => {
  const corpus = vectors();
  assert.ok(corpus.length >= 300, `${corpus.length} vectors`);
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  for (const v of corpus.slice(0, 20)) await say(ana.page, v);
  // The others in batches, each of which is drawn before the next.
  for (let i = 20; i < corpus.length; i += BATCH) {
    const newest = await send(ana.page, corpus.slice(i, i + BATCH));
    for (const { page } of [ana, ben]) await page.locator(`.message[data-seq="${newest}"]`).waitFor();
  }
  const last = corpus.at(-1);
  await eventually(async () => (await ben.page.locator('.message .text').last().textContent()) === last, 'all vectors arrived', 60_000);
  await showPeople(ben.page);
  for (const name of ['<svg onload=__xss=1>', '"><img src=x onerror=1>', "'-alert(1)-'", '<script>__xss=1</script>']) {
    await rename(ana.page, name);
    await ben.page.locator('.people .name', { hasText: name }).waitFor();
  }
  for (const page of [ana.page, ben.page]) {
    for (const link of await page.locator('.message a').all()) assert.match(await link.getAttribute('href'), /^https?:/);
    assert.equal(await page.evaluate(() => window.__xss), undefined);
    await page.reload();
    await connected(page);
    assert.equal(await page.evaluate(() => window.__xss), undefined);
  }
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test("a page written for the tutorial's server works unchanged from another origin that is allowed, and no other", async () => {
  const html = readFileSync(new URL('./tutorial/index.html', import.meta.url), 'utf8');
  let target = '';
  const site = createServer((_, res) => res.setHeader('Content-Type', 'text/html').end(html.replaceAll('SERVER_URL', target)));
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  const origin = `http://localhost:${site.address().port}`;
  const open = await Parley.start({ ALLOWED_ORIGINS: `https://elsewhere.test,${origin}` });
  try {
    target = open.url;
    const pages = [];
    for (const name of ['Tom', 'Uma']) {
      const page = await (await browser.newContext()).newPage();
      const problems = watch(page);
      await page.goto(origin);
      await page.fill('#username', name);
      await page.click('#join');
      await page.locator('#status', { hasText: 'joined' }).waitFor();
      pages.push({ page, problems });
    }
    const [tom, uma] = pages;
    await tom.page.fill('#text', 'hello from the tutorial');
    await tom.page.click('#send');
    await uma.page.locator('li.theirs', { hasText: 'Tom: hello from the tutorial' }).waitFor();
    await tom.page.locator('li.mine', { hasText: 'Tom: hello from the tutorial' }).waitFor();
    await tom.page.locator('#status', { hasText: 'sent' }).waitFor();
    await uma.page.fill('#text', '   ');
    await uma.page.click('#send');
    await uma.page.locator('#status', { hasText: 'error: Message is empty' }).waitFor();
    assert.deepEqual([...tom.problems, ...uma.problems], []);
    target = server.url; // which has no list
    const refused = await (await browser.newContext()).newPage();
    await refused.goto(origin);
    await refused.locator('#status', { hasText: 'no connection' }).waitFor();
    const why = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`, { headers: { Origin: origin } });
    assert.equal(why.status, 403);
    assert.match((await why.json()).message, new RegExp(`Origin ${origin} is not allowed`));
    assert.match(server.log, /connection refused.*not allowed/);
  } finally {
    site.close();
    site.closeAllConnections();
    await open.stop();
  }
});
