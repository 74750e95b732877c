/** Questions to the server that it answers at once. */

/** @typedef {(name: string, asked?: Record<string, any>) => Promise<any>} Ask */

const SILENT = "The app does not answer. See whether it still runs, then reload the page.";

/**
 * @param {Record<string, (asked: any) => Promise<any>>} server  the host's functions; undefined is how they fail
 * @returns {Ask} which throws an Error with a text for the artist
 */
export function asker(server) {
  return async (name, asked = {}) => {
    const answer = await server[name](asked);
    if (!answer) throw new Error(SILENT);
    if (answer.error) throw new Error(answer.error);
    return answer;
  };
}
