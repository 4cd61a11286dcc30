// The service worker: keeps the page's shell, so that it starts without a connection, and shows what is pushed. It has no part in the
// conversation: what goes to the server's doors it does not touch.
declare const self: ServiceWorkerGlobalScope;
export {};

/** The build puts in what the shell is made of, and a name that changes with any of it. */
const SHELL: { version: string; files: string[] } = '__SHELL__' as never;
const CACHE = `shell-${SHELL.version}`;

/** How long the network has to answer with the page, in milliseconds, before the kept one is shown. */
const PATIENCE = 3000;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL.files.map((f) => new Request(f, { cache: 'reload' })))));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(dropOld());
});

async function dropOld(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((n) => n.startsWith('shell-') && n !== CACHE).map((n) => caches.delete(n)));
  await self.clients.claim();
}

self.addEventListener('message', (event) => {
  if (event.data === 'take-over') void self.skipWaiting(); // the person has agreed to reload
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (request.mode === 'navigate' && (url.pathname === '/' || url.pathname.startsWith('/m/'))) event.respondWith(page(request));
  else if (url.pathname.startsWith('/assets/') || SHELL.files.includes(url.pathname)) event.respondWith(part(request));
});

/** The page: from the server, which gives it a policy with a new nonce, or as it was kept. */
async function page(request: Request): Promise<Response> {
  const kept = () => caches.match('/', { cacheName: CACHE });
  const asked = fetch(request);
  asked.catch(() => undefined); // it may fail after nobody waits for it any more
  try {
    const late = new Promise<undefined>((done) => setTimeout(() => done(undefined), PATIENCE));
    return (await Promise.race([asked, late])) ?? (await kept()) ?? (await asked);
  } catch (e) {
    const shell = await kept();
    if (shell) return shell;
    throw e;
  }
}

/** A part of the page. Those below assets never change under their name, so that what was loaded later than the shell is kept too. */
async function part(request: Request): Promise<Response> {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok && new URL(request.url).pathname.startsWith('/assets/')) {
    const cache = await caches.open(CACHE);
    await cache.put(request, answer.clone());
  }
  return answer;
}

/** What the server pushes. */
interface Pushed {
  title: string;
  body: string;
  roomId: string;
  seq: number;
}

self.addEventListener('push', (event) => {
  event.waitUntil(show(event.data?.json() as Pushed));
});

/** Shows a message, in the place of the one before of its room. While the page is looked at it has been seen there. */
async function show({ title, body, roomId, seq }: Pushed): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (windows.some((w) => w.focused)) return;
  await self.registration.showNotification(title, { body, tag: roomId, icon: '/icon-192.png', badge: '/badge-96.png', data: { roomId, seq } });
}

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(lead(event.notification.data as { roomId: string; seq: number }));
});

/** Leads to a message: in a window that is open, or in a new one. */
async function lead({ roomId, seq }: { roomId: string; seq: number }): Promise<void> {
  const [open] = await self.clients.matchAll({ type: 'window' });
  if (open) {
    open.postMessage({ open: { roomId, seq } });
    await open.focus();
    return;
  }
  await self.clients.openWindow(`/#${new URLSearchParams({ room: roomId, at: String(seq) })}`);
}
