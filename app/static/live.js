/**
 * Live: at each pen-up the map goes to the server and a draft comes back. A newer stroke replaces the job of the one
 * before; while a request is on its way, only the newest stroke waits.
 */

/**
 * @param {object} desk
 * @param {() => boolean} desk.on  whether Live is switched on
 * @param {() => void} desk.draft  asks for a draft of the present map
 * @param {EventTarget} events  what tells of strokes
 * @param {(callback: () => void) => void} later  runs something soon, so that several steps at once ask once
 */
export function followStrokes({ on, draft }, events, later = requestAnimationFrame) {
  let due = false;
  events.addEventListener("spadework:stroke", () => {
    if (due || !on()) return;
    due = true;
    later(() => {
      due = false;
      if (on()) draft();
    });
  });
}
