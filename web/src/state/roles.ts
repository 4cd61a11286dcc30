import type { Role } from '../wire';

const ranks: Role[] = ['guest', 'member', 'moderator', 'admin', 'owner'];

/** Whether a role stands above another. */
export const above = (a: Role, b: Role): boolean => ranks.indexOf(a) > ranks.indexOf(b);
