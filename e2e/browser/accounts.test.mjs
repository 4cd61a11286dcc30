// Accounts through the page, as people use them.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { Parley, account, becomes, connected, launch, person, violations } from './harness.mjs';
import { Mailbox } from './mail.mjs';
import { Provider } from './provider.mjs';

const PHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1';
const password = 'a long enough password';
let browser, server, mail;
before(async () => {
  browser = await launch();
  mail = await Mailbox.start();
  server = await Parley.start({ PARLEY_SMTP_HOST: '127.0.0.1', PARLEY_SMTP_PORT: String(mail.port), PARLEY_SMTP_SECURITY: 'none' });
});
after(async () => {
  await browser?.close();
  await server?.stop();
  mail?.stop();
});

/** What an authenticator shows now for a secret. */
function codeOf(secret) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = createHmac('sha1', key).update(step).digest();
  return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0');
}

async function open(page, name, tab) {
  await page.getByRole('button', { name: name ? `Account ${name}` : /^Your account/ }).click();
  if (tab) await page.getByRole('tab', { name: tab }).click();
}

const close = (page) => page.getByRole('dialog').getByLabel('Close').click();


async function confirm(page) {
  const dialog = page.getByRole('dialog', { name: 'Is it you?' });
  await dialog.getByLabel('Your password').fill(password);
  await dialog.getByRole('button', { name: 'Confirm' }).click();
  await dialog.waitFor({ state: 'detached' });
}

test('a new server greets its first visitor, who may come in all the same, and is set up by the first account', async () => {
  const fresh = await Parley.start();
  try {
    const ana = await person(browser, fresh.url, { name: 'Ana', bypassCSP: true });
    await connected(ana.page);
    const greeting = ana.page.getByRole('region', { name: 'Welcome to your new server' });
    await greeting.waitFor();
    assert.deepEqual(await violations(ana.page), []);
    await greeting.getByRole('button', { name: 'Create the owner’s account' }).click();
    await ana.page.getByText('The first account owns the server').waitFor();
    await ana.page.getByLabel('Account name').fill('ana');
    await ana.page.getByLabel('Password', { exact: true }).fill(password);
    await ana.page.locator('form').getByRole('button', { name: 'Create account' }).click();
    await greeting.waitFor({ state: 'detached' });
    await open(ana.page, 'ana');
    await ana.page.getByText('Your role: owner').waitFor();
    const ben = await person(browser, fresh.url, { name: 'Ben' });
    await connected(ben.page);
    await open(ben.page, '');
    await ben.page.getByRole('group', { name: 'Account' }).getByRole('button', { name: 'Create account' }).click();
    await ben.page.getByText('What you have written stays yours').waitFor();
    await becomes(() => ben.page.getByRole('region', { name: 'Welcome to your new server' }).count(), 0);
    assert.deepEqual([...ana.problems, ...ben.problems], []);
    await ana.context.close();
    await ben.context.close();
  } finally {
    await fresh.stop();
  }
});

test('somebody who does not want to set the server up says so once', async () => {
  const fresh = await Parley.start();
  try {
    const { page, context } = await person(browser, fresh.url, { name: 'Ana' });
    await connected(page);
    await page.getByRole('button', { name: 'Later', exact: true }).click();
    await page.reload();
    await connected(page);
    await page.getByRole('button', { name: /^Your account/ }).waitFor();
    await becomes(() => page.locator('.set-up').count(), 0);
    await context.close();
  } finally {
    await fresh.stop();
  }
});

test('a passkey is made, signs in, and is removed', async () => {
  const { page, context, problems } = await person(browser, server.url, { name: 'Pia', bypassCSP: true });
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true },
  });
  await account(page, 'pia');
  await open(page, 'pia', 'Security');
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByRole('button', { name: /^Remove passkey/ }).waitFor();
  assert.deepEqual(await violations(page), []);
  await close(page);
  await page.evaluate(() => fetch('/api/session', { method: 'DELETE' }));
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  await open(page, '');
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('button', { name: 'Account pia' }).waitFor();
  await open(page, 'pia', 'Security');
  await page.getByLabel('Ask for a passkey besides the password').check();
  const codes = page.getByRole('dialog', { name: 'Recovery codes' });
  await codes.locator('li').nth(9).waitFor();
  await codes.getByRole('button', { name: 'I have kept them' }).click();
  await page.getByText('10 recovery codes left').waitFor();
  await page.getByRole('button', { name: /^Remove passkey/ }).click();
  await page.getByRole('button', { name: /^Remove passkey/ }).waitFor({ state: 'detached' });
  assert.deepEqual(problems, []);
  await context.close();
});

test('an authenticator is asked for besides the password, and a recovery code stands in for it', async () => {
  const uma = await person(browser, server.url, { name: 'Uma', bypassCSP: true });
  await account(uma.page, 'uma');
  await open(uma.page, 'uma', 'Security');
  await uma.page.getByRole('button', { name: 'Set up' }).click();
  await uma.page.getByRole('img', { name: 'QR code of the secret' }).waitFor();
  assert.deepEqual(await violations(uma.page), []);
  const secret = (await uma.page.getByTestId('totp-secret').textContent()).replaceAll(' ', '');
  await uma.page.getByLabel('Code that the app shows').fill(codeOf(secret));
  await uma.page.getByRole('button', { name: 'Turn on' }).click();
  const dialog = uma.page.getByRole('dialog', { name: 'Recovery codes' });
  await dialog.locator('li').nth(9).waitFor();
  const codes = await dialog.locator('li').allTextContents();
  assert.equal(codes.length, 10);
  assert.deepEqual(await violations(uma.page), []);
  await dialog.getByRole('button', { name: 'I have kept them' }).click();
  await uma.page.getByText('It is on.').waitFor();

  const other = await person(browser, server.url, { name: 'Stranger', bypassCSP: true });
  await connected(other.page);
  await open(other.page, '');
  await other.page.getByLabel('Account name').fill('uma');
  await other.page.getByLabel('Password', { exact: true }).fill(password);
  await other.page.locator('form').getByRole('button', { name: 'Sign in', exact: true }).click();
  const field = other.page.getByLabel('Code of your authenticator');
  await field.waitFor();
  assert.deepEqual(await violations(other.page), []);
  await field.fill('000000');
  await other.page.locator('form').getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.page.getByRole('alert').filter({ hasText: /\S/ }).waitFor();
  await field.fill(codes[0]);
  await other.page.locator('form').getByRole('button', { name: 'Sign in', exact: true }).click();
  await other.page.getByRole('button', { name: 'Account uma' }).waitFor();
  assert.deepEqual([...uma.problems, ...other.problems], []);
  await uma.context.close();
  await other.context.close();
});

test('an address is confirmed by a letter, and a forgotten password is set anew by another', async () => {
  const eva = await person(browser, server.url, { name: 'Eva', bypassCSP: true });
  await account(eva.page, 'eva');
  await open(eva.page, 'eva', 'Security');
  await eva.page.getByLabel('E-mail address').fill('eva@mail.test');
  await eva.page.getByRole('button', { name: 'Send a link' }).click();
  await eva.page.getByText('is on its way to eva@mail.test').waitFor();
  const verify = await mail.link('verify');
  await close(eva.page);
  await eva.page.evaluate((hash) => (location.hash = hash), verify);
  await eva.page.getByText('Your address is confirmed').waitFor();
  await open(eva.page, 'eva', 'Security');
  await eva.page.locator('.device', { hasText: 'eva@mail.test' }).waitFor();
  await eva.page.getByLabel('What you missed, by mail').selectOption('daily');
  assert.deepEqual(await violations(eva.page), []);

  const away = await person(browser, server.url, { name: 'Away', bypassCSP: true });
  await connected(away.page);
  await open(away.page, '');
  await away.page.getByRole('button', { name: 'Forgot your password?' }).click();
  await away.page.getByLabel('Account name or e-mail address').fill('eva@mail.test');
  await away.page.getByRole('button', { name: 'Send a link' }).click();
  await away.page.getByText('a letter is on its way').waitFor();
  assert.deepEqual(await violations(away.page), []);
  const page = await away.context.newPage();
  await page.goto(`${server.url}/${await mail.link('reset')}`);
  await page.getByLabel('New password', { exact: true }).fill('quite another password');
  await page.getByRole('button', { name: 'Set a new password' }).click();
  await page.getByText('Your new password is set').waitFor();
  await becomes(() => new URL(page.url()).hash, '', 'the token does not stay in the address');
  await page.getByRole('dialog').getByRole('button', { name: 'Sign in' }).click();
  await page.getByLabel('Account name').fill('eva');
  await page.getByLabel('Password', { exact: true }).fill('quite another password');
  await page.locator('form').getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Account eva' }).waitFor();
  await eva.page.getByRole('button', { name: /^Your account/ }).waitFor(); // all devices are signed out by it
  assert.deepEqual([...eva.problems, ...away.problems], []);
  await eva.context.close();
  await away.context.close();
});

test('a device that is signed in lets another one in, sees it in its list, and signs it out', async () => {
  const kim = await person(browser, server.url, { name: 'Kim', bypassCSP: true });
  await account(kim.page, 'kim');
  await open(kim.page, 'kim', 'Devices');
  await kim.page.getByRole('button', { name: 'Show the code' }).click();
  await kim.page.getByRole('img', { name: 'QR code of the link' }).waitFor();
  assert.deepEqual(await violations(kim.page), []);
  const link = new URL(await kim.page.getByLabel('Link', { exact: true }).inputValue());
  const phone = await person(browser, `${server.url}/${link.hash}`, { viewport: { width: 390, height: 844 }, userAgent: PHONE, bypassCSP: true });
  await phone.page.getByRole('button', { name: 'Continue', exact: true }).click();
  const code = await phone.page.getByTestId('device-code').textContent();
  assert.deepEqual(await violations(phone.page), []);
  await kim.page.getByLabel('Code on the other device').fill(code);
  assert.deepEqual(await violations(kim.page), []);
  await kim.page.getByRole('button', { name: 'Let it in' }).click();
  await kim.page.getByText('It is signed in.').waitFor();
  await phone.page.getByRole('dialog').waitFor({ state: 'detached' });
  await phone.page.getByRole('button', { name: 'Rooms and people' }).click();
  await phone.page.getByRole('button', { name: 'Account kim' }).waitFor();
  await kim.page.getByRole('button', { name: 'Sign out Safari on iOS' }).click();
  await phone.page.getByRole('button', { name: /^Your account/ }).waitFor();
  assert.deepEqual([...kim.problems, ...phone.problems], []);
  await kim.context.close();
  await phone.context.close();
});

test('what protects the account is changed only by who proves once more who they are', async () => {
  const lea = await person(browser, server.url, { name: 'Lea', bypassCSP: true });
  await account(lea.page, 'lea');
  // Let in by a link, a session has proved nothing yet.
  await open(lea.page, 'lea', 'Devices');
  await lea.page.getByRole('button', { name: 'Show the code' }).click();
  const link = new URL(await lea.page.getByLabel('Link', { exact: true }).inputValue());
  const other = await person(browser, `${server.url}/${link.hash}`, { bypassCSP: true });
  await other.page.getByRole('button', { name: 'Continue', exact: true }).click();
  await lea.page.getByLabel('Code on the other device').fill(await other.page.getByTestId('device-code').textContent());
  await lea.page.getByRole('button', { name: 'Let it in' }).click();
  await open(other.page, 'lea', 'Security');
  await other.page.getByRole('button', { name: 'Set up' }).click();
  const asked = other.page.getByRole('dialog', { name: 'Is it you?' });
  await asked.waitFor();
  assert.deepEqual(await violations(other.page), []);
  await asked.getByLabel('Close').click();
  await other.page.getByText('Nothing was changed').waitFor();
  await other.page.getByRole('button', { name: 'Set up' }).click();
  await asked.getByLabel('Your password').fill('wrong');
  await asked.getByRole('button', { name: 'Confirm' }).click();
  await asked.getByText('Wrong password').waitFor();
  await confirm(other.page);
  await other.page.getByRole('img', { name: 'QR code of the secret' }).waitFor();
  await lea.context.close();
  await other.context.close();
});

test('an OpenID provider signs somebody in', async () => {
  const provider = await Provider.start({ sub: 'u1', email: 'oda@office.test', email_verified: true, name: 'Oda', preferred_username: 'oda' });
  const office = await Parley.start({ PARLEY_OIDC_ISSUER: provider.url, PARLEY_OIDC_CLIENT_ID: 'parley', PARLEY_OIDC_NAME: 'The office' });
  try {
    const owner = await person(browser, office.url, { name: 'Ana' });
    await account(owner.page, 'ana');
    const oda = await person(browser, office.url, { name: 'Quiet Otter', bypassCSP: true });
    await connected(oda.page);
    await open(oda.page, '');
    await oda.page.getByRole('button', { name: 'Continue with The office' }).click();
    await oda.page.getByRole('button', { name: 'Account oda' }).waitFor();
    await becomes(() => oda.page.locator('.my-lines .name').textContent(), 'Oda');
    await becomes(() => new URL(oda.page.url()).hash, '');
    await oda.page.reload();
    await oda.page.getByRole('button', { name: 'Account oda' }).waitFor();
    await open(oda.page, 'oda', 'Security');
    await oda.page.getByText(provider.url).waitFor();
    assert.deepEqual(await violations(oda.page), []);
    assert.deepEqual([...owner.problems, ...oda.problems], []);
    await owner.context.close();
    await oda.context.close();
  } finally {
    await office.stop();
    provider.stop();
  }
});

test('an invitation says where it leads, and signs up', async () => {
  const closed = await Parley.start({ PARLEY_GUESTS: 'false', PARLEY_SIGN_UP: 'invite' });
  try {
    const owner = await person(browser, closed.url);
    await owner.page.getByRole('heading', { name: 'Welcome to your new server' }).waitFor();
    await account(owner.page, 'ana');
    await open(owner.page, 'ana');
    await owner.page.getByRole('button', { name: 'Make a link' }).click();
    const link = await owner.page.getByLabel('Invitation link').inputValue();
    const ben = await person(browser, link, { bypassCSP: true });
    await ben.page.getByText(`You are invited to ${new URL(closed.url).host}`).waitFor();
    assert.deepEqual(await violations(ben.page), []);
    await account(ben.page, 'ben');
    await becomes(() => new URL(ben.page.url()).hash, '');
    const stranger = await person(browser, closed.url, { bypassCSP: true });
    await stranger.page.getByRole('group', { name: 'Account' }).getByRole('button', { name: 'Create account' }).click();
    await stranger.page.getByText('An account is made by an invitation here').waitFor();
    assert.deepEqual(await violations(stranger.page), []);
    assert.deepEqual([...owner.problems, ...ben.problems, ...stranger.problems], []);
    await Promise.all([owner, ben, stranger].map((p) => p.context.close()));
  } finally {
    await closed.stop();
  }
});

test('a guest who follows an invitation to the server is asked to sign up', async () => {
  const owner = await person(browser, server.url, { name: 'Host' });
  await account(owner.page, 'host');
  await open(owner.page, 'host');
  await owner.page.getByRole('button', { name: 'Make a link' }).click();
  const link = await owner.page.getByLabel('Invitation link').inputValue();
  const guest = await person(browser, link, { name: 'Gus' });
  await guest.page.getByText(/^You are invited to/).waitFor();
  await guest.page.getByLabel('Account name').fill('gus');
  await guest.page.getByLabel('Password', { exact: true }).fill(password);
  await guest.page.locator('form').getByRole('button', { name: 'Create account' }).click();
  await guest.page.getByRole('button', { name: 'Account gus' }).waitFor();
  assert.deepEqual([...owner.problems, ...guest.problems], []);
  await owner.context.close();
  await guest.context.close();
});
