/** A browser's pictures, for node: they decode when told. */

export const PNG = "data:image/png;base64,AAAA";

/** Puts them in place; `asked` lists the addresses, `finish` ends the decoding of all. */
export function canPicture() {
  const asked = [];
  const gate = later();
  globalThis.Image = class {
    set src(url) {
      asked.push(url);
    }
    decode() {
      return gate.promise;
    }
  };
  globalThis.createImageBitmap = async () => ({});
  return { asked, finish: gate.resolve };
}

function later() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}
