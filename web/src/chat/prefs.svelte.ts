import { recall, remember } from '../storage';

export type Theme = 'system' | 'light' | 'dark';

/** What one has chosen for this device. */
class Prefs {
  theme = $state<Theme>((recall('theme') as Theme | null) ?? 'system');
  contrast = $state(recall('contrast') === 'more');
  sound = $state(recall('sound') !== 'off');
  notify = $state(recall('notify') === 'on');

  setTheme(theme: Theme): void {
    this.theme = theme;
    remember('theme', theme === 'system' ? null : theme);
    if (theme === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  }

  setContrast(more: boolean): void {
    this.contrast = more;
    remember('contrast', more ? 'more' : null);
    if (more) document.documentElement.dataset.contrast = 'more';
    else delete document.documentElement.dataset.contrast;
  }

  setSound(on: boolean): void {
    this.sound = on;
    remember('sound', on ? null : 'off');
  }

  /** Desktop notifications, while the page is open. Returns whether the browser allows them. */
  async setNotify(on: boolean): Promise<boolean> {
    const allowed = !on || ('Notification' in globalThis && (await Notification.requestPermission()) === 'granted');
    this.notify = on && allowed;
    remember('notify', this.notify ? 'on' : null);
    return allowed;
  }
}

export const prefs = new Prefs();
