import { t, type Key } from '../i18n/index.svelte';
import type { Role } from '../wire';

const names: Record<Role, Key> = { owner: 'role-owner', admin: 'role-admin', moderator: 'role-moderator', member: 'role-member', guest: 'role-guest' };

export const roleName = (role: Role): string => t(names[role] ?? 'role-member');

const ranks: Role[] = ['guest', 'member', 'moderator', 'admin', 'owner'];

/** Whether a role stands above another. */
export const above = (a: Role, b: Role): boolean => ranks.indexOf(a) > ranks.indexOf(b);
