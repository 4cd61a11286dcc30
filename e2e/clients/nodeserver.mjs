// Node's server of a mixed cluster as a process of its own, which can be stopped and resumed.
import { startNode } from './cluster.mjs';

const [adapter, redis] = process.argv.slice(2);
console.log((await startNode(adapter, redis)).url);
