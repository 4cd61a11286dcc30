import { t } from '../i18n/index.svelte';
import { deviceOf } from '../state/names';

/** What the device with a User-Agent is called on the page. */
export function deviceName(agent: string): string {
  const { browser, system } = deviceOf(agent);
  if (browser && system) return t('device-on', { browser, system });
  return browser ?? system ?? (agent.slice(0, 40) || t('unknown-device'));
}
