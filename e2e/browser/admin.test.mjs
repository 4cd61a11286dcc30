// The administration, as an owner uses it, and as everybody else does not see it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Parley, account, becomes, connected, launch, newRoom, person, say, violations } from './harness.mjs';

let browser, server, owner;
before(async () => {
  browser = await launch();
  server = await Parley.start({ PARLEY_SMTP_PASSWORD: 'a secret of the operator' });
  owner = await person(browser, server.url, { name: 'Olga', bypassCSP: true });
  await connected(owner.page);
  await account(owner.page, 'olga');
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const dialog = (page) => page.getByRole('dialog', { name: 'Administration' });
const row = (page, name) => dialog(page).locator('tbody tr', { hasText: name });

async function administer(page, tab) {
  await page.setViewportSize({ width: 1440, height: 900 });
  if (!(await dialog(page).isVisible())) await page.getByRole('button', { name: 'Administration' }).click();
  await dialog(page).getByRole('tab', { name: tab }).click();
}

/** axe finds nothing and nothing is wider than the window, on a large screen and on a phone. */
async function looksWell(page, what) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    await page.setViewportSize({ width, height });
    assert.deepEqual(await violations(page), [], `${what} at ${width}`);
    await becomes(() => page.evaluate(() => document.querySelector('dialog.full').scrollWidth - document.querySelector('dialog.full').clientWidth), 0);
  }
  await page.setViewportSize({ width: 1440, height: 900 });
}

test('a member sees no administration, and the server refuses it to them', async () => {
  const ben = await person(browser, server.url, { name: 'Benno' });
  await connected(ben.page);
  await account(ben.page, 'benno');
  await ben.page.keyboard.press('Control+k');
  await ben.page.getByRole('combobox').fill('>');
  await ben.page.getByRole('option', { name: 'Settings' }).waitFor();
  assert.equal(await ben.page.getByRole('option', { name: 'Administration' }).count(), 0);
  await ben.page.keyboard.press('Escape');
  assert.equal(await ben.page.getByRole('button', { name: 'Administration' }).count(), 0);
  const refused = await ben.page.evaluate(async () => {
    const { io } = await import('/socket.io/socket.io.esm.min.js');
    const socket = io({ transports: ['websocket'], forceNew: true });
    await socket.emitWithAck('user-join', {});
    const answers = await Promise.all(['admin-people', 'admin-rooms', 'admin-settings', 'admin-stats'].map((e) => socket.emitWithAck(e, {})));
    socket.close();
    return answers.map((a) => a.code);
  });
  assert.deepEqual(refused, ['forbidden', 'forbidden', 'forbidden', 'forbidden']);
  await ben.context.close();
});

test('people are found, given roles, suspended and let back in', async () => {
  const { page } = owner;
  const dora = await person(browser, server.url, { name: 'Dora' });
  await connected(dora.page);
  await account(dora.page, 'dora');
  await administer(page, 'People');
  await dialog(page).getByRole('searchbox').fill('dor');
  await row(page, '@dora').getByText('here now').waitFor();
  await becomes(() => dialog(page).locator('tbody tr').count(), 1);
  await looksWell(page, 'people');
  await row(page, '@dora').getByRole('button', { name: 'Dora' }).click();
  await looksWell(page, 'a person');
  await dialog(page).getByLabel('Role').selectOption('moderator');
  await dialog(page).getByText('The role is changed.').waitFor();
  await dialog(page).getByRole('button', { name: 'Make a link' }).click();
  const link = await dialog(page).getByLabel('Link to set a new password').inputValue();
  assert.match(link, /#reset=[\w-]{40,}$/);
  await dialog(page).getByRole('button', { name: 'Suspend', exact: true }).click();
  await looksWell(page, 'a question');
  await page.getByRole('dialog', { name: 'Suspend Dora?' }).getByRole('button', { name: 'Suspend' }).click();
  await dialog(page).getByText('Suspended and signed out.').waitFor();
  await dora.page.getByRole('button', { name: /^Your account/ }).waitFor(); // she is a guest again
  await dialog(page).getByRole('button', { name: 'Let back in' }).click();
  await dialog(page).getByText('They can sign in again.', { exact: true }).first().waitFor();
  await dialog(page).getByRole('button', { name: 'Make a link' }).click();
  await dora.page.goto(await dialog(page).getByLabel('Link to set a new password').inputValue());
  const reset = dora.page.getByRole('dialog', { name: 'Set a new password' });
  await reset.getByLabel('New password').fill('another password, as long');
  await reset.getByRole('button', { name: 'Set a new password' }).click();
  await reset.getByText('Your new password is set').waitFor();
  await dora.context.close();
  await dialog(page).getByRole('button', { name: 'Back', exact: true }).click();
  await row(page, '@dora').getByText('moderator').waitFor();
  await becomes(() => page.evaluate(() => document.activeElement?.textContent), 'Dora');
});

test('rooms are renamed, given to others and archived; private ones of others are not among them', async () => {
  const { page } = owner;
  const rui = await person(browser, server.url, { name: 'Rui' });
  await connected(rui.page);
  await account(rui.page, 'rui');
  await newRoom(rui.page, 'Hidden garden', { who: 'Only who is invited' });
  await newRoom(rui.page, 'Harbour', { topic: 'Boats' });
  await administer(page, 'Rooms');
  await dialog(page).getByRole('searchbox').fill('ha');
  await row(page, 'Harbour').waitFor();
  await dialog(page).getByRole('searchbox').fill('h');
  await row(page, 'Harbour').waitFor();
  assert.equal(await dialog(page).getByText('Hidden').count(), 0);
  await looksWell(page, 'rooms');
  await dialog(page).getByRole('button', { name: 'Harbour' }).click();
  await dialog(page).getByLabel('Name', { exact: true }).fill('Port');
  await dialog(page).getByRole('button', { name: 'Save', exact: true }).click();
  await rui.page.getByRole('heading', { name: 'Port' }).waitFor();
  await dialog(page).getByLabel('Give it to…').fill('olga');
  await dialog(page).getByRole('button', { name: /^Make owner/ }).waitFor();
  await looksWell(page, 'a room');
  await dialog(page).getByRole('button', { name: /^Make owner/ }).click();
  await dialog(page).getByText('The room has another owner.').waitFor();
  await dialog(page).getByRole('button', { name: 'Archive', exact: true }).click();
  await page.getByRole('dialog', { name: 'Archive Port?' }).getByRole('button', { name: 'Archive' }).click();
  await rui.page.getByText('This room is archived').waitFor();
  await dialog(page).getByRole('button', { name: 'Take out of the archive' }).click();
  await rui.page.getByLabel('Message Port').waitFor();
  await rui.context.close();
});

test('an invitation is made, brings somebody in, and is revoked', async () => {
  const { page } = owner;
  await administer(page, 'Invitations');
  await dialog(page).getByLabel('Role').selectOption('moderator');
  await dialog(page).getByLabel('How many people').fill('5');
  await dialog(page).getByRole('button', { name: 'Make invitation' }).click();
  const link = await dialog(page).getByLabel('Invitation link').inputValue();
  await looksWell(page, 'invitations');
  const ivo = await person(browser, link, { name: 'Ivo' });
  await ivo.page.getByText('You are invited to').waitFor();
  await ivo.page.getByLabel('Account name').fill('ivo');
  await ivo.page.getByLabel('Password', { exact: true }).fill('a long enough password');
  await ivo.page.locator('form').getByRole('button', { name: 'Create account', exact: true }).click();
  await ivo.page.getByRole('button', { name: 'Account ivo' }).click();
  await ivo.page.getByText('Your role: moderator').waitFor();
  await ivo.context.close();
  await administer(page, 'People');
  await administer(page, 'Invitations');
  await row(page, 'as moderator').getByText('1 of 5').waitFor();
  await row(page, 'as moderator').getByRole('button', { name: /^Revoke/ }).click();
  await page.getByRole('dialog', { name: 'Revoke this invitation?' }).getByRole('button', { name: 'Revoke' }).click();
  await dialog(page).getByText('No invitation is valid now.').waitFor();
});

test('settings are shown without secrets, and the numbers move', async () => {
  const { page } = owner;
  await administer(page, 'Settings');
  await dialog(page).getByRole('searchbox').fill('smtp password');
  await row(page, 'PARLEY_SMTP_PASSWORD').getByText('hidden').waitFor();
  assert.equal(await dialog(page).getByText('a secret of the operator').count(), 0);
  await dialog(page).getByRole('searchbox').fill('');
  await dialog(page).getByLabel('Only what was set').check();
  await row(page, 'PARLEY_RATE_LIMIT').getByText('off', { exact: true }).waitFor();
  await looksWell(page, 'settings');
  await administer(page, 'Live numbers');
  const plot = (name) => dialog(page).getByRole('img', { name });
  await plot(/^Connections: Connections \d/).waitFor();
  const kim = await person(browser, server.url, { name: 'Kim' });
  await connected(kim.page);
  await say(kim.page, 'counted');
  await plot(/^Time until a message is saved: half [\d.,]+ ms now/).waitFor({ timeout: 30_000 });
  await plot(/^Messages a second: .* [0-9.,]*[1-9][0-9.,]* at most/).waitFor({ timeout: 30_000 });
  await looksWell(page, 'numbers');
  await kim.context.close();
  await page.keyboard.press('Escape');
  await dialog(page).waitFor({ state: 'detached' });
  assert.deepEqual(owner.problems, []);
});

test('an administrator cannot act on an owner, in Arabic as well, in the dark and with high contrast', async () => {
  const ada = await person(browser, server.url, { name: 'Ada', locale: 'ar', colorScheme: 'dark', bypassCSP: true });
  const page = ada.page;
  await page.locator('.status[data-status=connected]').waitFor();
  await page.evaluate(async () => {
    const { io } = await import('/socket.io/socket.io.esm.min.js');
    const socket = io({ transports: ['websocket'], forceNew: true });
    const made = await socket.emitWithAck('account-create', { name: 'ada', password: 'a long enough password' });
    await fetch('/api/session', { method: 'POST', headers: { Authorization: `Bearer ${made.token}` } });
    localStorage.setItem('parley.login', 'ada');
    localStorage.removeItem('parley.token');
    socket.close();
  });
  await administer(owner.page, 'People');
  await dialog(owner.page).getByRole('searchbox').fill('ada');
  await row(owner.page, '@ada').getByRole('button').click();
  await dialog(owner.page).getByLabel('Role').selectOption('admin');
  await dialog(owner.page).getByText('The role is changed.').waitFor();
  await page.evaluate(() => document.documentElement.setAttribute('data-contrast', 'more'));
  await page.reload();
  await page.getByRole('button', { name: 'الإدارة' }).click();
  const admin = page.getByRole('dialog', { name: 'الإدارة' });
  await admin.locator('tbody tr', { hasText: '@olga' }).getByRole('button').click();
  await admin.getByText('يمكنك تغيير من دورهم أدنى من دورك فقط.').waitFor();
  assert.equal(await admin.locator('.admin-act').count(), 0);
  await looksWell(page, 'Arabic');
  assert.deepEqual(ada.problems, []);
  await ada.context.close();
});
