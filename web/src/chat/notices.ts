import { excerpt } from '../markdown/excerpt';
import type { Message } from '../wire';
import { recall } from '../storage';
import { prefs } from './prefs.svelte';

/** Two soft tones; no file is needed for them. Browsers allow it once the person has clicked somewhere. */
export function chime(): void {
  if (!prefs.sound || !navigator.userActivation?.hasBeenActive) return;
  try {
    audio ??= new AudioContext();
    const { currentTime: now } = audio;
    for (const [i, pitch] of [660, 880].entries()) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = pitch;
      volume.gain.setValueAtTime(0, now + i * 0.09);
      volume.gain.linearRampToValueAtTime(0.06, now + i * 0.09 + 0.01);
      volume.gain.exponentialRampToValueAtTime(0.0001, now + i * 0.09 + 0.18);
      tone.connect(volume).connect(audio.destination);
      tone.start(now + i * 0.09);
      tone.stop(now + i * 0.09 + 0.2);
    }
  } catch {
    // A device without sound.
  }
}
let audio: AudioContext | undefined;

/** Shows a message on the desktop; a click leads to it. One of a room takes the place of the one before. */
export function notifyOf(m: Message, title: string, open: () => void): void {
  if (!prefs.notify || recall('push') === 'on' || !('Notification' in globalThis) || Notification.permission !== 'granted') return;
  try {
    const shown = new Notification(title, { body: excerpt(m.text, 200), tag: m.roomId, icon: '/icon-192.png' });
    shown.onclick = () => {
      window.focus();
      shown.close();
      open();
    };
  } catch {
    // Some browsers allow it to service workers only.
  }
}

/** Counts in the window's title, on the tab's icon, and on the icon of the installed page, what the person wants to be told of. What is only unread is a dot. */
export function badge(title: string, counts: number, unread: number): void {
  document.title = `${counts > 0 ? `(${counts}) ` : unread > 0 ? '• ' : ''}${title} · Parley`;
  const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]');
  const file = counts > 0 ? '/icon-mention.svg' : unread > 0 ? '/icon-unread.svg' : '/icon.svg';
  if (icon && !icon.href.endsWith(file)) icon.href = file;
  const app = navigator as Navigator & { setAppBadge?: (n: number) => Promise<void>; clearAppBadge?: () => Promise<void> };
  void (counts > 0 ? app.setAppBadge?.(counts) : app.clearAppBadge?.())?.catch(() => undefined);
}
