import { problemOf } from './security.svelte';
import { History } from '../state/numbers';
import type { Numbers } from '../wire';
import type { Server } from './server.svelte';

/** The numbers of the server, while somebody looks at them. */
export class LiveNumbers {
  problem = $state('');
  /** Counts what was told, so that what is drawn is drawn anew. */
  told = $state(0);
  private history = new History([]);

  constructor(private readonly server: Server) {}

  /** Begins to listen. Returns what ends it. */
  listen(): () => void {
    const { socket } = this.server.connection;
    const heard = ({ nodes }: { nodes: Numbers[] }) => this.heard(nodes);
    socket.on('admin-stats', heard);
    void this.begin();
    return () => {
      socket.off('admin-stats', heard);
      if (this.server.joined) socket.emit('admin-stats', { on: false });
    };
  }

  private async begin(): Promise<void> {
    const answer = await this.server.ask('admin-stats', {});
    this.problem = problemOf(answer);
    if (!answer?.success) return;
    if (this.told === 0) this.history = new History(answer.bounds);
    this.heard(answer.nodes);
  }

  private heard(nodes: Numbers[]): void {
    this.history.heard(Date.now(), nodes);
    this.told++;
  }

  get nodes(): Numbers[] {
    return this.told > 0 ? this.history.nodes : [];
  }

  points(node: string) {
    return this.told > 0 ? this.history.points(node) : [];
  }
}
