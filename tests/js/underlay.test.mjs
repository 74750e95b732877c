import assert from "node:assert/strict";
import test from "node:test";
import { MAP_OPACITY, Underlay, openPhoto } from "../../app/static/underlay.js";
import { PNG, canPicture } from "./pictures.mjs";

const photo = { url: PNG, image: {} };

test("the map is drawn in full without a photo, and at its opacity over one", () => {
  const underlay = new Underlay();
  underlay.setOpacity(0.2);
  assert.equal(underlay.mapOpacity, 1);
  underlay.show(photo);
  assert.equal(underlay.mapOpacity, 0.2);
  underlay.show(null);
  assert.equal(underlay.mapOpacity, 1);
  assert.equal(new Underlay().opacity, MAP_OPACITY);
});

test("the opacity stays between nothing and all", () => {
  const underlay = new Underlay();
  for (const [asked, given] of [[-1, 0], [0, 0], [0.5, 0.5], [1, 1], [7, 1]]) {
    underlay.setOpacity(asked);
    assert.equal(underlay.opacity, given);
  }
});

test("the map is hidden only over a photo, and comes back with any change", () => {
  const underlay = new Underlay();
  underlay.toggleAlone();
  assert.equal(underlay.alone, false);
  const returns = [() => underlay.toggleAlone(), () => underlay.showMap(), () => underlay.setOpacity(0.4), () => underlay.show(photo)];
  for (const comesBack of returns) {
    underlay.show(photo);
    underlay.toggleAlone();
    assert.equal(underlay.mapOpacity, 0);
    comesBack();
    assert.equal(underlay.alone, false);
  }
});

test("only another photo is told to those who keep it", () => {
  const underlay = new Underlay();
  let told = 0;
  underlay.onphoto = () => told++;
  underlay.show(photo);
  underlay.setOpacity(0.3);
  underlay.toggleAlone();
  underlay.showMap();
  assert.equal(told, 1);
});

test("nothing is fetched from elsewhere, and what is no picture is no photo", async (t) => {
  const pictures = canPicture();
  const warn = t.mock.method(console, "warn", () => {});
  const urls = ["https://example.org/a.png", "/a.png", "data:text/html,x", "data:image/svg+xml,x"];
  for (const url of urls) {
    assert.equal(await openPhoto(url), null);
  }
  assert.deepEqual(pictures.asked, []);
  assert.equal(warn.mock.callCount(), urls.length);
});
