// What stands under a message with a link: its place is kept before it is known, so that nothing moves when it comes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Network, Parley, account, act, becomes, connected, launch, newRoom, person, say, seesOnce, write } from './harness.mjs';

const PICTURE = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
let browser, server, network;
before(async () => {
  browser = await launch();
  server = await Parley.start();
  network = await Network.to(server);
});
after(async () => {
  await browser?.close();
  await network?.stop();
  await server?.stop();
});

/** Has the server know a page as it would after asking it, which it does only of public addresses. */
function known(url, page) {
  const now = Date.now() * 1000;
  server.sql(`INSERT INTO previews (url, data, fetched_at) VALUES ('${url}', '${JSON.stringify(page)}', ${now});`);
  if (page.picture) server.sql(`INSERT OR IGNORE INTO preview_pictures (id, media_type, picture, created_at) VALUES ('${page.picture}', 'image/png', '${PICTURE}', ${now});`);
}

/** Watches every frame: how tall each message was, whether those that were in sight moved apart, and what the browser counts as shifts. */
function watchShifts() {
  const seen = { heights: {}, apart: 0, shifts: [] };
  window.seen = seen;
  new PerformanceObserver((list) => {
    for (const { value, sources, hadRecentInput } of list.getEntries()) {
      const here = sources.map((s) => s.node?.parentElement?.closest('.timeline-frame') && (s.node.className ?? s.node.textContent)).filter(Boolean);
      if (!hadRecentInput && here.length > 0) seen.shifts.push(`${value} ${here}`);
    }
  }).observe({ type: 'layout-shift' });
  let before = new Map();
  const look = () => {
    const now = new Map([...document.querySelectorAll('.message')].map((e) => [e.dataset.seq ?? '', e.getBoundingClientRect()]));
    for (const [seq, { height }] of now) (seen.heights[seq] ??= new Set()).add(Math.round(height));
    const moves = [...now].filter(([seq]) => before.has(seq)).map(([seq, r]) => r.top - before.get(seq).top);
    if (moves.length > 0 && Math.max(...moves) - Math.min(...moves) > 1) seen.apart++;
    before = now;
    requestAnimationFrame(look);
  };
  look();
}

const shifted = (page) => page.evaluate(() => ({
  apart: window.seen.apart, shifts: window.seen.shifts, grown: Object.entries(window.seen.heights).filter(([, all]) => all.size > 1).map(([seq, all]) => `${seq}: ${[...all]}`),
}));

test('nothing moves when a preview arrives, nor when none does; it can be taken away', async () => {
  known('https://news.example.com/launch', { title: 'The launch of the year', description: 'All of it. '.repeat(20), site: 'News', picture: 'launch'.padEnd(26, '0'), width: 1200, height: 630 });
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, network.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  for (let i = 0; i < 25; i++) await say(ana.page, `line ${i}.`);
  await seesOnce(ben.page, 'line 24.');
  network.slow = (bytes) => (bytes.includes('message-updated') ? 600 : 0); // the page has been drawn long before the preview comes
  await ben.page.evaluate(watchShifts);
  await ana.page.evaluate(watchShifts);
  await say(ana.page, 'read https://news.example.com/launch and https://nothing.example.invalid/x?y=1');
  const row = (p) => p.page.locator('.message', { hasText: 'read https://news' });
  await row(ben).locator('.link-preview.plain').first().waitFor();
  for (const p of [ana, ben]) {
    const card = row(p).locator('.link-preview').first();
    await card.getByText('The launch of the year').waitFor();
    await becomes(() => card.locator('img').evaluate((i) => i.complete && i.naturalWidth > 0), true);
    await becomes(() => row(p).locator('.link-preview.plain').allTextContents().then((t) => t.map((s) => s.replace(/\s+/g, ' ').trim())), ['nothing.example.invalid /x?y=1']);
  }
  await say(ana.page, 'after it');
  await seesOnce(ben.page, 'after it');
  assert.deepEqual(await shifted(ben.page), { apart: 0, shifts: [], grown: [] });
  const { grown } = await shifted(ana.page);
  assert.deepEqual(grown.filter((g) => !g.startsWith(':')), [], 'where it was written');

  // In the middle of what is read, too: an edit brings a link.
  await ana.page.getByLabel('Message General').press('ArrowUp');
  await ana.page.getByLabel('Message General').fill('after it, see https://news.example.com/launch');
  await ana.page.getByLabel('Message General').press('Enter');
  const edited = ben.page.locator('.message', { hasText: 'after it, see' });
  await edited.locator('.link-preview.plain').waitFor();
  await edited.getByText('The launch of the year').waitFor();
  const { heights } = await ben.page.evaluate(() => ({ heights: Math.max(...Object.values(window.seen.heights).map((s) => s.size)) }));
  assert.ok(heights <= 2, 'an edit is one change of height, its preview none');

  await row(ana).getByRole('button', { name: 'Remove the preview' }).click();
  await becomes(() => row(ben).locator('.link-preview').count(), 1);
  await ben.page.reload();
  await connected(ben.page);
  await seesOnce(ben.page, 'after it, see');
  await becomes(() => row(ben).locator('.link-preview').count(), 0);
  await becomes(() => edited.locator('.link-preview').count(), 1);
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test('a room may go without previews', async () => {
  known('https://quiet.example.com/', { title: 'Not shown here', site: 'Quiet' });
  const cleo = await person(browser, server.url, { name: 'Cleo' });
  await connected(cleo.page);
  await account(cleo.page, 'cleo');
  await newRoom(cleo.page, 'Plain');
  await cleo.page.getByLabel('Room settings').click();
  await cleo.page.getByLabel('Show what links lead to').uncheck();
  await cleo.page.keyboard.press('Escape');
  await cleo.page.getByRole('dialog').waitFor({ state: 'detached' });
  await cleo.page.getByLabel('Room settings').click();
  await becomes(() => cleo.page.getByLabel('Show what links lead to').isChecked(), false);
  await cleo.page.keyboard.press('Escape');
  await write(cleo.page, 'Plain', 'look: https://quiet.example.com/');
  await seesOnce(cleo.page, 'look: https://quiet.example.com/');
  await cleo.page.getByRole('button', { name: /^General/ }).click();
  await say(cleo.page, 'look: https://quiet.example.com/');
  await cleo.page.getByText('Not shown here').waitFor();
  await cleo.page.getByRole('button', { name: /^Plain/ }).click();
  await seesOnce(cleo.page, 'look: https://quiet.example.com/');
  assert.equal(await cleo.page.locator('.link-preview').count(), 0);
  await act(cleo.page, 'look:', 'Reply');
  assert.deepEqual(cleo.problems, []);
  await cleo.context.close();
});
