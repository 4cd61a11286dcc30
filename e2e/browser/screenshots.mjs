// Draws the page as people see it, for people to look at: node screenshots.mjs, then open e2e/out.
import { mkdirSync } from 'node:fs';
import { Parley, connected, launch, person, say, seesOnce } from './harness.mjs';

const out = new URL('../out/', import.meta.url).pathname;
mkdirSync(out, { recursive: true });
const browser = await launch();
const talk = [
  ['Mei Lin', 'Load test is done: 15,000 people in one room, p99 of 180 ms.'],
  ['Mei Lin', 'Full report: https://example.test/reports/2026-11?view=full'],
  ['Ben Okafor', 'With typing on? Then this is all it takes now:\n\n    parley serve'],
  ['Sara Haddad', 'Can somebody look at the Arabic strings before noon? مرحبا بالجميع'],
  ['Sara Haddad', 'I put the screenshots next to the report.'],
  ['Ana Ruiz', 'On it. Ten minutes.'],
  ['Ben Okafor', 'A very long word should not break the layout: ' + 'antidisestablishmentarianism'.repeat(6)],
  ['Ana Ruiz', 'It does not. I will push the fixed ones right after.'],
];
try {
  const empty = await Parley.start();
  const busy = await Parley.start();
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
  await ana.getByLabel('Sign in or create an account').click();
  await ana.getByRole('tab', { name: 'Create account' }).click();
  await ana.getByLabel('Account name').fill('ana');
  await ana.getByLabel('Password').fill('a long enough password');
  await ana.getByRole('dialog').getByRole('button', { name: 'Create account', exact: true }).click();
  await ana.getByLabel('Account ana').waitFor();
  for (const [name, topic, who] of [['Launch', 'Ship on Thursday', /Everybody on/], ['Design', 'What it looks like', /Only who/], ['News', '', /only moderators/]]) {
    await ana.getByLabel('New room').click();
    await ana.getByLabel('Name', { exact: true }).fill(name);
    await ana.getByLabel('Topic').fill(topic);
    await ana.getByLabel(who).check();
    await ana.getByRole('button', { name: 'Create room' }).click();
    await ana.getByLabel(`Message ${name}`).waitFor();
  }
  const mei = people['Mei Lin'].page;
  await mei.getByRole('button', { name: 'Ana Ruiz' }).click();
  await mei.getByLabel('Message Ana Ruiz').fill('Lunch?');
  await mei.getByLabel('Message Ana Ruiz').press('Enter');
  await mei.getByRole('button', { name: /^General/ }).click();
  await ana.getByRole('button', { name: /^General/ }).click();
  const first = ana.locator('.message', { hasText: 'Load test is done' }).first();
  await first.hover();
  await first.getByRole('button', { name: 'React' }).click();
  await ana.getByLabel('React with 🎉').click();
  await first.hover();
  await first.getByRole('button', { name: 'Reply' }).click();
  await say(ana, 'That is what I call a number. @Mei Lin');
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
  await first.hover();
  await ana.screenshot({ path: `${out}actions.png` });
  await ana.keyboard.press('Control+k');
  await ana.waitForTimeout(500);
  await ana.screenshot({ path: `${out}find.png` });
  await ana.keyboard.press('Escape');
  await ana.getByLabel('Account ana').click();
  await ana.waitForTimeout(300);
  await ana.screenshot({ path: `${out}account.png` });
  await ana.keyboard.press('Escape');
  await ana.getByRole('button', { name: /^Design/ }).click();
  await ana.getByLabel(/Members and settings/).click();
  await ana.waitForTimeout(300);
  await ana.screenshot({ path: `${out}details.png` });
  await ana.keyboard.press('Escape');
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
        await b.page.getByRole('button', { name: 'People and settings' }).click();
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
