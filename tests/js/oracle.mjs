/** Slow and obvious versions of what the document does, pixel by pixel, and maps to try them on. */

/** A generator of whole numbers below `below`, the same for the same seed. */
export function dice(seed) {
  let state = seed >>> 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

export const noise = (roll, length, classes) => Uint8Array.from({ length }, () => roll(classes));

/** Areas of several pixels with ragged edges, and some specks. */
export function blots(roll, w, h, classes) {
  const labels = new Uint8Array(w * h);
  for (let k = 0; k < 12; k++) {
    const [x, y, r, label] = [roll(w), roll(h), 1 + roll(9), roll(classes)];
    each(w, h, (i, j, at) => Math.hypot(i - x, j - y) < r + roll(2) && (labels[at] = label));
  }
  for (let k = 0; k < (w * h) / 20; k++) labels[roll(w * h)] = roll(classes);
  return labels;
}

export function each(w, h, visit) {
  for (let j = 0; j < h; j++) for (let i = 0; i < w; i++) visit(i, j, j * w + i);
}

/** The pixels for which something holds, as a list of indices. */
export function pixelsWhere(w, h, holds) {
  const found = [];
  each(w, h, (i, j, at) => holds(i, j, at) && found.push(at));
  return found;
}

/** The pixels of a mask that lie on the map. */
export const pixelsOf = (mask, w, h) => pixelsWhere(w, h, (i, j) => isIn(mask, i, j));

export function isIn({ x, y, w, h, data }, i, j) {
  return i >= x && j >= y && i < x + w && j < y + h && data[(j - y) * w + i - x] === 1;
}

export const maskOf = (pixels, w, h) => {
  const data = new Uint8Array(w * h);
  for (const at of pixels) data[at] = 1;
  return { x: 0, y: 0, w, h, data };
};

export function neighboursOf(at, w, h) {
  const [x, y] = [at % w, Math.floor(at / w)];
  const around = [[x, y - 1], [x - 1, y], [x + 1, y], [x, y + 1]];
  return around.filter(([i, j]) => i >= 0 && j >= 0 && i < w && j < h).map(([i, j]) => j * w + i);
}

/** Connected areas as lists of pixels, each in row order, by what `same` says of two neighbours. */
export function areasOf(w, h, same) {
  const seen = new Set();
  const areas = [];
  for (let at = 0; at < w * h; at++) {
    if (seen.has(at)) continue;
    const area = new Set([at]);
    for (const one of area) for (const n of neighboursOf(one, w, h)) if (same(one, n)) area.add(n);
    area.forEach((one) => seen.add(one));
    areas.push([...area].sort((a, b) => a - b));
  }
  return areas;
}

export function majority(labels, w, h, radius, inside) {
  const out = labels.slice();
  each(w, h, (x, y, at) => {
    if (inside && !inside[at]) return;
    const votes = new Array(256).fill(0);
    each(w, h, (i, j, n) => (i - x) ** 2 + (j - y) ** 2 <= radius ** 2 && votes[labels[n]]++);
    const most = Math.max(...votes);
    if (votes[labels[at]] !== most) out[at] = votes.indexOf(most);
  });
  return out;
}

/** Gives away one speck after another and finds all areas anew each time. */
export function withoutSpecks(labels, w, h, minPixels, inside) {
  const out = labels.slice();
  for (;;) {
    const areas = areasOf(w, h, (a, b) => out[a] === out[b]);
    const size = new Map(areas.flatMap((area) => area.map((at) => [at, area.length])));
    const around = (area) => area.flatMap((at) => neighboursOf(at, w, h).filter((n) => out[n] !== out[at]));
    const speck = areas
      .filter((area) => area.length < minPixels && (!inside || area.every((at) => inside[at])))
      .filter((area) => around(area).some((n) => size.get(n) > area.length))
      .sort((a, b) => a.length - b.length || a[0] - b[0])[0];
    if (!speck) return out;
    const borders = new Array(256).fill(0);
    for (const n of around(speck)) borders[out[n]]++;
    for (const at of speck) out[at] = borders.indexOf(Math.max(...borders));
  }
}

/** The nearest pixel outside a set: the leftmost of several, of those the upper one. */
export function nearestOutside(pixels, w, h) {
  const inside = new Set(pixels);
  return (at) => {
    let best = null;
    each(w, h, (i, j, n) => {
      if (inside.has(n)) return;
      const key = [(i - (at % w)) ** 2 + (j - Math.floor(at / w)) ** 2, i, j, n];
      if (!best || before(key, best)) best = key;
    });
    return best[3];
  };
}

function before(a, b) {
  const k = a.findIndex((v, i) => v !== b[i]);
  return a[k] < b[k];
}

/** Whether a point lies inside a closed line by the even-odd rule: how often a ray to the right crosses it. */
export function insideLine(points, x, y) {
  let inside = false;
  points.forEach((p, k) => {
    const q = points[(k + 1) % points.length];
    if (p.y > y !== q.y > y && x < p.x + (y - p.y) * ((q.x - p.x) / (q.y - p.y))) inside = !inside;
  });
  return inside;
}
