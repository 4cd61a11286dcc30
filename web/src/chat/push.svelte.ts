import { t } from '../i18n/index.svelte';
import { recall, remember } from '../storage';
import { problemOf } from './security.svelte';
import type { Server } from './server.svelte';

/** Being told of messages while the page is closed: by the service worker, and by way of the browser's own service. */
export class Pushing {
  readonly supported = 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis;
  on = $state(recall('push') === 'on');

  constructor(private readonly server: Server) {}

  /** Tells the server anew where this device is: its session, or its address at the service, may be another one. */
  async joined(): Promise<void> {
    if (this.on && this.supported && Notification.permission === 'granted') await this.subscribe();
  }

  /** Turns it on or off. Returns what is wrong, or nothing. */
  async set(on: boolean): Promise<string> {
    const problem = on ? await this.begin() : await this.end();
    this.on = on && !problem;
    remember('push', this.on ? 'on' : null);
    return problem;
  }

  private async begin(): Promise<string> {
    if ((await Notification.requestPermission()) !== 'granted') return t('notifications-blocked');
    return this.subscribe();
  }

  private async subscribe(): Promise<string> {
    const asked = await this.server.ask('push-key', {});
    if (!asked?.success) return problemOf(asked);
    try {
      const { pushManager } = await navigator.serviceWorker.ready;
      const subscription = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: asked.key });
      const { endpoint, keys } = subscription.toJSON();
      return await this.server.attempt('push-subscribe', { endpoint, p256dh: keys?.p256dh, auth: keys?.auth });
    } catch {
      return t('push-failed');
    }
  }

  private async end(): Promise<string> {
    const registration = await navigator.serviceWorker.getRegistration();
    const subscription = await registration?.pushManager.getSubscription();
    if (!subscription) return '';
    await subscription.unsubscribe();
    return this.server.attempt('push-unsubscribe', { endpoint: subscription.endpoint });
  }
}
