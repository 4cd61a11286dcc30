import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, becomes, connected, eventually, launch, line, person, rename, say, seesOnce, showPeople } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test('two people converse, each message once, and a reload shows the history', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  await say(ana.page, 'good morning');
  await seesOnce(ben.page, 'good morning');
  await seesOnce(ana.page, 'good morning');
  await say(ben.page, 'good morning to you');
  await seesOnce(ana.page, 'good morning to you');
  await eventually(async () => (await ana.page.locator('.message .sent').count()) === 1, 'the tick of what was saved');
  await ana.page.reload();
  await connected(ana.page);
  await seesOnce(ana.page, 'good morning to you');
  const authors = await ana.page.locator('.message .author').allTextContents();
  assert.deepEqual(authors, ['Ana', 'Ben']);
  await showPeople(ana.page);
  await becomes(() => ana.page.locator('.people li').count(), 2);
  assert.deepEqual([...ana.problems, ...ben.problems], []);
  await ana.context.close();
  await ben.context.close();
});

test('a text goes out exactly as written, and a name can be changed', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  const text = 'a <b>bold</b> &amp; "quoted"   text\nwith a second line and a link: https://example.test/a?b=1&c=2.';
  await ana.page.getByLabel('Message General').fill(text);
  await ana.page.getByLabel('Message General').press('Enter');
  const arrived = line(ben.page, 'with a second line');
  await arrived.waitFor();
  await becomes(() => arrived.textContent(), text);
  await becomes(() => arrived.locator('a').getAttribute('href'), 'https://example.test/a?b=1&c=2');
  await rename(ana.page, 'Anastasia');
  await showPeople(ben.page);
  await ben.page.locator('.people', { hasText: 'Anastasia' }).waitFor();
  await eventually(async () => (await ben.page.locator('.message .author').last().textContent()) === 'Anastasia', 'the new name above what was written');
  await ana.context.close();
  await ben.context.close();
});

test('typing is shown to the others, and ends', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  const ben = await person(browser, server.url, { name: 'Ben' });
  await connected(ana.page);
  await connected(ben.page);
  await ana.page.getByLabel('Message General').pressSequentially('hm', { delay: 20 });
  await ben.page.getByTestId('typing').filter({ hasText: 'Ana is typing…' }).waitFor();
  await becomes(() => ana.page.getByTestId('typing').textContent(), '');
  await eventually(async () => (await ben.page.getByTestId('typing').textContent()) === '', 'the end of typing', 7000);
  await ana.context.close();
  await ben.context.close();
});

test('the number of people is right after joins, leaves, reloads and crashes', async () => {
  const count = (p) => p.page.getByTestId('online').textContent();
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  await eventually(async () => (await count(ana)) === '1', 'Ana alone');
  const ben = await person(browser, server.url, { name: 'Ben' });
  await eventually(async () => (await count(ana)) === '2', 'Ben came');
  const second = await ben.context.newPage();
  await second.goto(server.url);
  await connected(second);
  assert.equal(await count(ana), '2', "a person's second tab is not another person");
  await ben.page.reload();
  await connected(ben.page);
  assert.equal(await count(ana), '2', 'a reload is no departure');
  await second.close();
  assert.equal(await count(ana), '2');
  const crash = await ben.context.newCDPSession(ben.page);
  crash.send('Page.crash').catch(() => {}); // the answer never comes: the tab is gone
  await eventually(async () => (await count(ana)) === '1', "Ben's tab crashed");
  await showPeople(ana.page);
  await becomes(() => ana.page.locator('.people li').count(), 1);
  await ana.context.close();
  await ben.context.close();
});

test('it works with websockets blocked, and upgrades when they are not', async () => {
  const transports = (page) => {
    const seen = new Set();
    page.on('websocket', () => seen.add('websocket'));
    page.on('request', (r) => r.url().includes('transport=polling') && seen.add('polling'));
    return seen;
  };
  const context = await browser.newContext();
  await context.addInitScript(() => {
    window.WebSocket = class {
      constructor() {
        setTimeout(() => this.onerror?.(new Event('error')), 5);
      }
      close() {}
      send() {}
    };
  });
  const blocked = await context.newPage();
  const seen = transports(blocked);
  await blocked.goto(server.url);
  await connected(blocked);
  const ana = await person(browser, 'about:blank', { name: 'Ana' });
  const anas = transports(ana.page);
  await ana.page.goto(server.url);
  await connected(ana.page);
  await eventually(() => anas.has('websocket'), 'the upgrade');
  await say(blocked, 'from polling');
  await seesOnce(ana.page, 'from polling');
  await say(ana.page, 'from a websocket');
  await seesOnce(blocked, 'from a websocket');
  assert.deepEqual([...seen], ['polling']);
  await context.close();
  await ana.context.close();
});

test('too long a message is refused where it is written, not cut', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  await ana.page.getByLabel('Message General').fill('x'.repeat(4001));
  await ana.page.getByText('1 character too many').waitFor();
  await becomes(() => ana.page.getByRole('button', { name: 'Send', exact: true }).isDisabled(), true);
  await ana.page.getByLabel('Message General').fill('y'.repeat(4000));
  await ana.page.getByLabel('Message General').press('Enter');
  await seesOnce(ana.page, 'y'.repeat(4000));
  await ana.context.close();
});

test('older messages load above without moving what is read', async () => {
  const ana = await person(browser, server.url, { name: 'Ana' });
  await connected(ana.page);
  for (let i = 1; i <= 90; i++) await say(ana.page, `numbered ${i}.`);
  await eventually(async () => (await ana.page.locator('.message[data-seq] .text', { hasText: 'numbered 90.' }).count()) === 1, 'all sent');
  await ana.page.reload();
  await connected(ana.page);
  await seesOnce(ana.page, 'numbered 90.');
  await becomes(() => line(ana.page, 'numbered 20.').count(), 0);
  const scroller = ana.page.getByRole('log');
  await eventually(async () => {
    await scroller.evaluate((e) => (e.scrollTop = Math.max(0, e.scrollTop - 300)));
    return (await line(ana.page, 'numbered 20.').count()) === 1;
  }, 'the older ones are read');
  const seqs = await ana.page.locator('.message[data-seq]').evaluateAll((rows) => rows.map((r) => Number(r.dataset.seq)));
  assert.deepEqual(seqs, [...seqs].sort((a, b) => a - b));
  assert.equal(new Set(seqs).size, seqs.length);
  await ana.context.close();
});
