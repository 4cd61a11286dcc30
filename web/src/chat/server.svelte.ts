import { Connection } from '../connection.svelte';
import type { Answer, Payload, RequestName } from '../wire';
import { t } from '../i18n/index.svelte';

const ACK_TIMEOUT = 20_000;

/** What can be asked of the server. */
export class Server {
  readonly connection: Connection;
  /** Whether the server knows who this is: before that, and without a connection, nothing can be asked. */
  joined = $state(false);

  constructor(up: () => void, down: () => void) {
    this.connection = new Connection(up, () => {
      this.joined = false;
      down();
    });
  }

  /** Asks. Without an answer, because the connection went, it returns undefined: the next one asks anew. */
  async ask<K extends RequestName>(event: K, payload: Payload<K>): Promise<Answer<K> | undefined> {
    try {
      // The library's types cannot follow a name that varies.
      const socket = this.connection.socket as unknown as {
        timeout(ms: number): { emitWithAck(event: string, payload: unknown): Promise<Answer<K>> };
      };
      return await socket.timeout(ACK_TIMEOUT).emitWithAck(event, payload);
    } catch {
      return undefined;
    }
  }

  /** Asks, and returns what is wrong, for a form to show; nothing when it was done. */
  async attempt<K extends RequestName>(event: K, payload: Payload<K>): Promise<string> {
    const answer = await this.ask(event, payload);
    if (!answer) return t('no-connection');
    return answer.success ? '' : answer.error;
  }
}
