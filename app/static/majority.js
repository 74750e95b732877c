/** The majority filter, which smooths a noisy map: each pixel takes the class that most pixels around it have. */

/** Stands for what lies outside the map, and has no vote. */
const OUTSIDE = 256;

/**
 * The class that occurs most often within a disc around each pixel. Of several, the present one if it is among them,
 * else the lowest.
 * @param {Uint8Array} labels
 * @param {number} w
 * @param {number} h
 * @param {number} radius  of the disc, map pixels between centres, from 1
 * @param {Uint8Array | null} inside  1 for the pixels that may change; null all of them
 * @returns {Uint8Array} a new map
 */
export function majority(labels, w, h, radius, inside) {
  const r = Math.floor(radius);
  const around = padded(labels, w, h, r);
  const stride = w + 2 * r;
  const reach = Array.from({ length: 2 * r + 1 }, (_, j) => Math.floor(Math.sqrt(radius * radius - (j - r) ** 2)));
  const votes = new Votes(reach.reduce((sum, far) => sum + 2 * far + 1, 0));
  const out = labels.slice();
  for (let y = 0; y < h; y++) {
    if (inside && !inside.subarray(y * w, (y + 1) * w).includes(1)) continue;
    votes.clear();
    for (let j = 0; j < reach.length; j++) {
      const at = (y + j) * stride + r;
      for (let i = at - reach[j]; i <= at + reach[j]; i++) votes.add(around[i]);
    }
    for (let x = 0, i = y * w; x < w; x++, i++) {
      if (!inside || inside[i]) out[i] = votes.winner(labels[i]);
      for (let j = 0, at = y * stride + r + x; x < w - 1 && j < reach.length; j++, at += stride) {
        const [comes, goes] = [around[at + reach[j] + 1], around[at - reach[j]]];
        if (comes === goes) continue;
        votes.remove(goes);
        votes.add(comes);
      }
    }
  }
  return out;
}

/**
 * @param {Uint8Array} labels
 * @param {number} w
 * @param {number} h
 * @param {number} r
 * @returns {Uint16Array} (h + 2r, w + 2r)
 */
function padded(labels, w, h, r) {
  const stride = w + 2 * r;
  const out = new Uint16Array(stride * (h + 2 * r)).fill(OUTSIDE);
  for (let y = 0; y < h; y++) out.set(labels.subarray(y * w, (y + 1) * w), (y + r) * stride + r);
  return out;
}

/** Votes by class, and how many classes have how many of them: so the most that any has is known at every moment. */
class Votes {
  /** @param {number} voters  at most, at a time */
  constructor(voters) {
    this.votes = new Int32Array(OUTSIDE);
    this.having = new Int32Array(voters + 1);
    this.most = 0;
  }

  clear() {
    this.votes.fill(0);
    this.having.fill(0);
    this.most = 0;
  }

  /** @param {number} label */
  add(label) {
    if (label === OUTSIDE) return;
    const n = this.votes[label]++;
    this.having[n]--;
    this.having[n + 1]++;
    if (n === this.most) this.most++;
  }

  /** @param {number} label */
  remove(label) {
    if (label === OUTSIDE) return;
    const n = this.votes[label]--;
    this.having[n]--;
    this.having[n - 1]++;
    if (n === this.most && !this.having[n]) this.most--;
  }

  /** @param {number} present */
  winner(present) {
    return this.votes[present] === this.most ? present : this.votes.indexOf(this.most);
  }
}
