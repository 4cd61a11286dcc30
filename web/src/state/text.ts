/** How many characters the server takes by default. */
export const MAX_CHARACTERS = 4000;

/** The number of characters as the server counts them. */
export function characters(text: string): number {
  return [...text].length;
}
