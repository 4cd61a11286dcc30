// Draws the page as people see it, for people to look at: node screenshots.mjs, then open e2e/out.
import { mkdirSync } from 'node:fs';
import { Parley, account, act, connected, launch, newRoom, person, say, seesOnce, showPeople, write } from './harness.mjs';

const out = new URL('../out/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const browser = await launch();
const talk = [
  ['Mei Lin', 'Load test is done: 15,000 people in one room, p99 of 180 ms.'],
  ['Mei Lin', 'Full report: https://example.test/reports/2026-11?view=full'],
  ['Ben Okafor', 'With typing on? Then this is all it takes now:\n\n    parley serve'],
  ['Sara Haddad', 'Can somebody look at the Arabic strings before noon? مرحبا بالجميع'],
  ['Ana Ruiz', 'On it. Ten minutes.'],
  ['Ben Okafor', 'A very long word should not break the layout: ' + 'antidisestablishmentarianism'.repeat(6)],
];
try {
  const empty = await Parley.start();
  const busy = await Parley.start();
  busy.sql(`INSERT INTO previews (url, data, fetched_at) VALUES ('https://example.test/reports/2026-11?view=full', '${JSON.stringify({
    title: 'Load test, November', description: 'What 15,000 people in one room cost: processor, memory, and how long each waited.', site: 'Reports',
  })}', ${Date.now() * 1000})`);
  const people = {};
  for (const name of ['Mei Lin', 'Ben Okafor', 'Sara Haddad', 'Ana Ruiz']) {
    people[name] = await person(browser, busy.url, { name });
    await connected(people[name].page);
  }
  for (const [name, text] of talk) {
    await say(people[name].page, text);
    await seesOnce(people[name].page, text.slice(0, 30));
  }
  const ana = people['Ana Ruiz'].page;
  await account(ana, 'ana');
  for (const [name, topic, who] of [['Launch', 'Ship on Thursday', /Everybody on/], ['Design', 'What it looks like', /Only who/], ['News', '', /only moderators/]]) {
    await newRoom(ana, name, { topic, who });
  }
  const mei = people['Mei Lin'].page;
  await showPeople(mei);
  await mei.locator('.people button', { hasText: 'Ana Ruiz' }).click();
  await mei.getByRole('button', { name: 'Message', exact: true }).click();
  await mei.getByLabel('Message Ana Ruiz').waitFor();
  await write(mei, 'Ana Ruiz', 'Lunch?');
  await mei.getByRole('button', { name: /^General/ }).click();
  await ana.getByRole('button', { name: /^General/ }).click();
  const first = ana.locator('.message', { hasText: 'Load test is done' }).first();
  await first.hover();
  await first.getByRole('button', { name: 'React with 🎉' }).click();
  await act(ana, 'Load test is done', 'Reply');
  await say(ana, 'That is what I call a number. @Mei Lin');
  await ana.mouse.move(700, 5);
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1440, 390]) {
      await ana.emulateMedia({ colorScheme });
      await ana.setViewportSize({ width, height: width === 390 ? 844 : 900 });
      await ana.waitForTimeout(200);
      await ana.screenshot({ path: `${out}rooms-${colorScheme}-${width}.png` });
    }
  }
  await ana.setViewportSize({ width: 1440, height: 900 });
  await ana.emulateMedia({ colorScheme: 'light' });
  const shoot = async (name, wait = 400) => {
    await ana.waitForTimeout(wait);
    await ana.screenshot({ path: `${out}${name}.png` });
  };
  await first.hover();
  await first.getByRole('button', { name: 'More' }).click();
  await shoot('actions');
  await ana.keyboard.press('Escape');
  for (const [name, keys] of [['find', 'Control+k'], ['keys', 'Control+/']]) {
    await ana.keyboard.press(keys);
    await shoot(name);
    await ana.keyboard.press('Escape');
  }
  await ana.getByRole('button', { name: 'Account ana' }).click();
  await shoot('account');
  await ana.keyboard.press('Escape');
  await ana.getByRole('button', { name: /^Design/ }).click();
  await showPeople(ana);
  await shoot('members');
  await ana.keyboard.press('Control+Shift+f');
  await ana.getByRole('searchbox', { name: 'Search messages' }).fill('load');
  await ana.getByRole('button', { name: 'Only this room' }).click();
  await shoot('search', 1500);
  const cutOff = [];
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1440, 900, 390]) {
      const shot = (page, what) => page.screenshot({ path: `${out}${what}-${colorScheme}-${width}.png` });
      const options = { colorScheme, viewport: { width, height: width === 390 ? 844 : 900 }, name: 'Tomás' };
      const a = await person(browser, empty.url, options);
      await connected(a.page);
      await a.page.waitForTimeout(150);
      await shot(a.page, 'empty');
      const b = await person(browser, busy.url, options);
      await connected(b.page);
      await people['Ben Okafor'].page.getByLabel('Message General').pressSequentially('I');
      await b.page.waitForTimeout(300);
      await shot(b.page, 'busy');
      if (width === 390) {
        await b.page.getByRole('button', { name: 'Rooms and people' }).click();
        await b.page.waitForTimeout(300);
        await shot(b.page, 'people');
        await b.page.getByRole('button', { name: 'Back to the conversation' }).click();
      }
      await b.page.evaluate(() => (document.documentElement.dir = 'rtl'));
      await b.page.waitForTimeout(200);
      await shot(b.page, 'rtl');
      await b.page.evaluate(() => (document.documentElement.dir = 'ltr'));
      cutOff.push({ page: b.page, shoot: () => shot(b.page, 'offline') });
      await a.context.close();
    }
  }
  await empty.stop();
  await busy.stop();
  for (const { page } of cutOff) await say(page, 'Written without a connection');
  await new Promise((r) => setTimeout(r, 6000));
  for (const { shoot } of cutOff) await shoot();
} finally {
  await browser.close();
}
