// A real browser for those tests that need one.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export function launch(...args) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args,
    ],
  });
}

const client = join(createRequire(import.meta.url).resolve('socket.io-client-v4/package.json'), '../dist/socket.io.min.js');

/** A page of a server, whatever it answers, with the official client loaded. */
export async function pageOf(browser, url) {
  const page = await browser.newPage();
  await page.goto(`${url}/socket.io/`);
  await page.evaluate(readFileSync(client, 'utf8'));
  return page;
}
