// Small things that are remembered. It may fail, in a private window or with storage forbidden: the conversation then goes on without a memory.
import { clearDatabase } from './database';

const PREFIX = 'parley.';

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Not remembered.
  }
}

/** What belongs to the device rather than to the person who used it. */
const THE_DEVICES = ['theme', 'contrast', 'language', 'sound', 'notify'];

/** Forgets the person: what they wrote, read, and who they were. */
export async function forgetAll(): Promise<void> {
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith(PREFIX) && !THE_DEVICES.includes(key.slice(PREFIX.length))) localStorage.removeItem(key);
    }
  } catch {
    // Nothing was remembered.
  }
  await clearDatabase();
}
