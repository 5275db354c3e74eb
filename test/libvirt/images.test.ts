import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LabEvent } from "../../lib/base/events.ts";
import { ensureImage, fetchedImage, imageFile } from "../../lib/libvirt/images.ts";

/** The beginning of a qcow2 image of 8 GiB (docs/interop/qcow2.txt of QEMU), and something behind it. */
function qcow2({ version = 3, backing = 0n, size = 8n << 30n, bytes = 100_000 } = {}): Buffer {
  const image = Buffer.alloc(bytes, 7);
  image.writeUInt32BE(0x514649fb, 0);
  image.writeUInt32BE(version, 4);
  image.writeBigUInt64BE(backing, 8);
  image.writeBigUInt64BE(size, 24);
  return image;
}

const sum = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

let folder: string;
let cache: string;
let events: LabEvent[];
const emit = (event: LabEvent) => void events.push(event);
const ensure = (location: string, sha256: string) => ensureImage({ location, sha256 }, { emit, cacheFolder: cache });
const files = async () => (await readdir(join(cache, "images"))).sort();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redis-lab-images-"));
  cache = join(folder, "cache");
  events = [];
});
afterEach(() => rm(folder, { recursive: true }));

test("the place of an image is told by its sum alone", () => {
  const sha256 = "a".repeat(64);
  expect(imageFile({ sha256 }, "/c")).toBe(`/c/images/${sha256}.qcow2`);
  expect(imageFile({ sha256 })).toMatch(/\/redis-lab\/images\/a{64}\.qcow2$/);
});

describe("from a file", () => {
  const put = async (bytes: Buffer) => {
    const path = join(folder, "some image.qcow2");
    await writeFile(path, bytes);
    return path;
  };

  test("a copy is kept under its sum, and a second call changes nothing", async () => {
    const image = qcow2({ version: 2 });
    const sha256 = sum(image);
    const path = await put(image);
    expect(await fetchedImage({ sha256 }, cache)).toBeUndefined();
    const kept = { path: imageFile({ sha256 }, cache), fileBytes: 100_000, virtualBytes: 8 * 2 ** 30 };
    expect(await ensure(path, sha256)).toEqual({ ...kept, fetched: true });
    expect(await readFile(kept.path)).toEqual(image);
    const before = await stat(kept.path);
    await rm(path);
    expect(await ensure(path, sha256)).toEqual({ ...kept, fetched: false });
    expect((await stat(kept.path)).mtimeMs).toBe(before.mtimeMs);
    expect(events.at(-1)).toMatchObject({ type: "step", state: "unchanged" });
    expect(await fetchedImage({ sha256 }, cache)).toEqual({ ...kept, fetched: false });
  });

  test("two that fetch the same do not disturb each other", async () => {
    const image = qcow2();
    const path = await put(image);
    const both = await Promise.all([ensure(path, sum(image)), ensure(path, sum(image))]);
    expect(both.map((each) => each.path)).toEqual([imageFile({ sha256: sum(image) }, cache), imageFile({ sha256: sum(image) }, cache)]);
    expect(await files()).toEqual([`${sum(image)}.qcow2`]);
  });

  test("another sum than declared: both are told, and nothing stays", async () => {
    const path = await put(qcow2());
    const wanted = "b".repeat(64);
    await expect(ensure(path, wanted)).rejects.toMatchObject({
      code: "image.digest-wrong",
      what: expect.stringMatching(new RegExp(`${sum(qcow2())} \\(100000 bytes\\), not\\s+${wanted}`)),
    });
    expect(await files()).toEqual([]);
    expect(events.at(-1)).toMatchObject({ type: "step", state: "failed" });
  });

  test.each([
    ["gzip", gzipSync(qcow2()), "compressed with gzip", "gunzip"],
    ["a raw disk", Buffer.from([...Buffer.alloc(510), 0x55, 0xaa]), "a raw disk", "qemu-img convert"],
    ["a web page", Buffer.from("<!DOCTYPE html>\n<html>sign in</html>"), "a web page", "Name a qcow2"],
    ["an empty file", Buffer.alloc(0), "empty", "Name a qcow2"],
    ["an image over another one", qcow2({ backing: 256n }), "needs another image", "qemu-img convert"],
    ["whatever", Buffer.from("hello"), "neither", "Name a qcow2"],
  ])("%s with the right sum is refused", async (_what, bytes, says, next) => {
    const path = await put(bytes);
    await expect(ensure(path, sum(bytes))).rejects.toMatchObject({
      code: "image.not-qcow2",
      what: expect.stringContaining(says),
      next: expect.stringContaining(next),
    });
    expect(await files()).toEqual([]);
  });

  test("one that is not there", async () => {
    await expect(ensure(join(folder, "none"), "c".repeat(64))).rejects.toMatchObject({
      code: "image.file-missing",
      what: expect.stringContaining("ENOENT"),
    });
  });
});

describe("from a server", () => {
  let server: Server;
  const serve = async (listener: RequestListener) => {
    server = createServer(listener).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/image.qcow2`;
  };
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  test("it is downloaded once, and how far it is is told in bytes", async () => {
    const image = qcow2({ bytes: 3_000_000 });
    let asked = 0;
    const url = await serve((_request, response) => {
      asked++;
      response.setHeader("content-length", image.length);
      response.end(image);
    });
    expect(await ensure(url, sum(image))).toMatchObject({ fileBytes: 3_000_000, fetched: true });
    await ensure(url, sum(image));
    expect(asked).toBe(1);
    const fractions = events.flatMap((event) => (event.type === "progress" && event.fraction !== undefined ? [event.fraction] : []));
    expect(fractions.at(-1)).toBe(1);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  });

  test.each([
    ["what ends too early", 3_000_000, /ended after \d+ of 3000000 bytes/],
    ["what is not there", 404, /the server answered 404/],
  ])("%s is not an image", async (_what, kind, says) => {
    const url = await serve((_request, response) => {
      if (kind === 404) {
        response.statusCode = 404;
        response.end();
        return;
      }
      response.setHeader("content-length", kind);
      response.write(qcow2(), () => response.destroy());
    });
    await expect(ensure(url, "d".repeat(64))).rejects.toMatchObject({ code: "image.unreachable", what: expect.stringMatching(says) });
    expect(await files()).toEqual([]);
  });

  test("a page in its place is told for what it is", async () => {
    const url = await serve((_request, response) => response.end("<html>please sign in</html>"));
    await expect(ensure(url, "e".repeat(64))).rejects.toMatchObject({
      code: "image.digest-wrong",
      why: expect.stringContaining("a web page"),
    });
  });

  test("an abort ends it and leaves nothing", async () => {
    const stop = new AbortController();
    const url = await serve((_request, response) => {
      response.setHeader("content-length", 1_000_000);
      response.write(qcow2(), () => stop.abort(new Error("enough")));
    });
    const run = ensureImage({ location: url, sha256: "f".repeat(64) }, { emit, cacheFolder: cache, signal: stop.signal });
    await expect(run).rejects.toThrow("enough");
    expect(await files()).toEqual([]);
  });
});
