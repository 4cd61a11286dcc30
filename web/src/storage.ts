import { openDB, type IDBPDatabase } from 'idb';
import type { Outgoing } from './state/outbox';

// Everything here may fail, in a private window or with storage forbidden: the conversation then goes on without a memory.

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`parley.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`parley.${key}`);
    else localStorage.setItem(`parley.${key}`, value);
  } catch {
    // Not remembered.
  }
}

let opened: Promise<IDBPDatabase> | undefined;

function database(): Promise<IDBPDatabase> {
  opened ??= openDB('parley', 1, {
    upgrade(db) {
      db.createObjectStore('outbox', { keyPath: 'clientId' });
    },
  });
  return opened;
}

/** The outbox as it survives the closing of the tab. */
export const storedOutbox = {
  async load(): Promise<Outgoing[]> {
    try {
      const all = (await (await database()).getAll('outbox')) as Outgoing[];
      return all.sort((a, b) => a.createdAt - b.createdAt);
    } catch {
      return [];
    }
  },
  async put(item: Outgoing): Promise<void> {
    try {
      await (await database()).put('outbox', { ...item });
    } catch {
      // Kept in memory only.
    }
  },
  async remove(clientId: string): Promise<void> {
    try {
      await (await database()).delete('outbox', clientId);
    } catch {
      // It was kept in memory only.
    }
  },
};
