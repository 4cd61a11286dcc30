/** The service worker, which keeps the page for when there is no connection, and takes what is pushed. */
export class Shell {
  /** Whether a newer page is ready, and waits for the person to want it. */
  newer = $state(false);
  private registration: ServiceWorkerRegistration | undefined;

  constructor(open: (roomId: string, seq: number) => void) {
    if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
    navigator.serviceWorker.addEventListener('message', ({ data }) => {
      const wish = (data as { open?: { roomId: string; seq: number } }).open;
      if (wish) open(wish.roomId, wish.seq);
    });
    void this.register();
  }

  private async register(): Promise<void> {
    try {
      this.registration = await navigator.serviceWorker.register(scriptUrl(), { updateViaCache: 'none' });
    } catch {
      return; // the page works without it
    }
    const { registration } = this;
    const look = () => (this.newer = registration.waiting !== null && navigator.serviceWorker.controller !== null);
    registration.addEventListener('updatefound', () => registration.installing?.addEventListener('statechange', look));
    look();
  }

  /** Asks whether there is a newer page: a connection that comes back may be to a newer server. */
  check(): void {
    void this.registration?.update().catch(() => undefined);
  }

  /** Changes over to the newer page. */
  takeOver(): void {
    navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
    this.registration?.waiting?.postMessage('take-over');
  }
}

/** What a page's policy lets through as the address of a script. */
interface Trusting {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): unknown };
}

/** The worker's address. The page's policy takes addresses of scripts only from here. */
function scriptUrl(): string {
  const url = '/sw.js';
  const { trustedTypes } = globalThis as { trustedTypes?: Trusting };
  return (trustedTypes?.createPolicy('parley-worker', { createScriptURL: () => url }).createScriptURL(url) ?? url) as string;
}
