import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Outgoing } from './state/outbox';
import type { Snapshot } from './state/room';
import type { MyRoom, Personal, SavedMessage } from './wire';

// What is kept on the device besides the server: what has not been sent, and what is shown before the server answers.
// Everything here may fail, in a private window or with storage forbidden: then nothing is kept.

interface Stored extends DBSchema {
  outbox: { key: string; value: Outgoing };
  logs: { key: string; value: Snapshot & { roomId: string } };
  kept: { key: string; value: unknown };
}

let opened: Promise<IDBPDatabase<Stored>> | undefined;

function database(): Promise<IDBPDatabase<Stored>> {
  opened ??= openDB<Stored>('parley', 2, {
    upgrade(db, from) {
      if (from < 1) db.createObjectStore('outbox', { keyPath: 'clientId' });
      if (from < 2) {
        db.createObjectStore('logs', { keyPath: 'roomId' });
        db.createObjectStore('kept');
      }
    },
    blocking() { // another tab has a newer page, and waits for this one to let go
      void opened?.then((db) => db.close());
      opened = undefined;
    },
  });
  return opened;
}

async function attempt<T>(work: (db: IDBPDatabase<Stored>) => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work(await database());
  } catch {
    return otherwise;
  }
}

/** The outbox as it survives the closing of the tab. */
export const storedOutbox = {
  load: (): Promise<Outgoing[]> => attempt(async (db) => (await db.getAll('outbox')).sort((a, b) => a.createdAt - b.createdAt), []),
  put: (item: Outgoing): Promise<unknown> => attempt((db) => db.put('outbox', { ...item }), ''),
  remove: (clientId: string): Promise<void> => attempt((db) => db.delete('outbox', clientId), undefined),
};

export function loadLog(roomId: string): Promise<Snapshot | undefined> {
  return attempt<Snapshot | undefined>((db) => db.get('logs', roomId), undefined);
}

export function storeLog(roomId: string, snapshot: Snapshot): Promise<unknown> {
  return attempt((db) => db.put('logs', { ...snapshot, roomId }), '');
}

/** The rooms as they were last time, and whose they were. */
export const storedRooms = {
  load: (userId: string): Promise<MyRoom[]> => attempt(async (db) => {
    const kept = (await db.get('kept', 'rooms')) as { userId: string; rooms: MyRoom[] } | undefined;
    return kept?.userId === userId ? kept.rooms : [];
  }, []),
  put: (userId: string, rooms: MyRoom[]): Promise<unknown> => attempt((db) => db.put('kept', { userId, rooms: JSON.parse(JSON.stringify(rooms)) }, 'rooms'), ''),
};

/** What a person keeps for themselves, as it was last time; what they wanted while there was no connection; and the messages they have saved. */
export interface Kept {
  userId: string;
  version: number;
  items: Personal[];
}

export const storedPersonal = {
  load: (userId: string): Promise<Kept | undefined> => attempt(async (db) => {
    const kept = (await db.get('kept', 'personal')) as Kept | undefined;
    return kept?.userId === userId ? kept : undefined;
  }, undefined),
  put: (kept: Kept): Promise<unknown> => attempt((db) => db.put('kept', JSON.parse(JSON.stringify(kept)), 'personal'), ''),
};

/** Something of one's own, by its name, for as long as the device is the same person's. */
function own<T>(name: string, none: T) {
  return {
    load: (): Promise<T> => attempt(async (db) => ((await db.get('kept', name)) as T | undefined) ?? none, none),
    put: (value: T): Promise<unknown> => attempt((db) => db.put('kept', JSON.parse(JSON.stringify(value)), name), ''),
  };
}

export const storedWishes = own<{ event: string; payload: object }[]>('wishes', []);
export const storedSaved = own<SavedMessage[]>('saved', []);

/** Forgets what was read, because somebody else is here now. What waits to be sent stays. */
export function clearLogs(): Promise<void> {
  return attempt(async (db) => {
    await db.clear('logs');
    await db.clear('kept');
  }, undefined);
}

export function clearDatabase(): Promise<void> {
  return attempt(async (db) => {
    await Promise.all([db.clear('outbox'), db.clear('logs'), db.clear('kept')]);
  }, undefined);
}
