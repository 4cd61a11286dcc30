// The page in other languages: the browser's by itself, or a chosen one, from right to left where that is how it is written.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, becomes, connected, launch, person, seesOnce, violations } from './harness.mjs';

let browser, server;
before(async () => {
  browser = await launch();
  server = await Parley.start();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const [locale, dir, words] of [
  ['de-AT', 'ltr', { compose: 'Nachricht an General', settings: 'Einstellungen', here: '1 Person gerade hier' }],
  ['es-MX', 'ltr', { compose: 'Mensaje a General', settings: 'Ajustes', here: '1 persona aquí ahora' }],
  ['ar', 'rtl', { compose: 'رسالة إلى General', settings: 'الإعدادات', here: 'شخص واحد هنا الآن' }],
  ['zh-CN', 'ltr', { compose: '发消息到 General', settings: '设置', here: '现在有 1 人在这里' }],
]) {
  test(`the page speaks ${locale} to a browser that does`, async () => {
    const ana = await person(browser, server.url, { name: 'Ana', locale, bypassCSP: true });
    const { page } = ana;
    await connected(page);
    await becomes(() => page.evaluate(() => [document.documentElement.lang, document.documentElement.dir]), [locale.split('-')[0], dir]);
    await page.getByLabel(words.compose).fill(`said in ${locale}`);
    await page.getByLabel(words.compose).press('Enter');
    await seesOnce(page, `said in ${locale}`);
    await page.getByRole('button', { name: words.here }).waitFor();
    await page.getByRole('button', { name: words.settings, exact: true }).click();
    await page.getByRole('dialog', { name: words.settings }).waitFor();
    assert.deepEqual(await violations(page), []);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.equal(overflow, 0, 'the page is wider than its window');
    await page.locator('select:has(option[lang=ar])').selectOption('en');
    await page.getByRole('dialog', { name: 'Settings' }).waitFor();
    await becomes(() => page.evaluate(() => document.documentElement.dir), 'ltr');
    await page.reload();
    await page.getByLabel('Message General').waitFor();
    assert.deepEqual(ana.problems, []);
    await ana.context.close();
  });
}
