import { createHash } from "node:crypto";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { LabEvent } from "../../lib/base/events.ts";
import { aptSources, sha256InDsc } from "../../lib/bootstrap/distribution-source.ts";
import { resolveSource, type SourceOptions } from "../../lib/bootstrap/source.ts";
import type { Lab, RedisSource } from "../../lib/lab/schema.ts";
import { redisVersion } from "../support/versions.ts";
import { makeSource, temporaryFolder } from "./support.ts";

type Answer = {
  readonly status?: number;
  readonly body?: Buffer;
  readonly cut?: number;
  readonly silent?: boolean;
  readonly endless?: true;
};

describe("resolveSource", () => {
  let folder: string;
  let events: LabEvent[];
  let server: Server;
  let site: string;
  let asked: string[];
  let answer: (path: string) => Answer;
  let tarball: { readonly path: string; readonly sha256: string };
  let bytes: Buffer;

  beforeEach(async () => {
    folder = await temporaryFolder();
    events = [];
    asked = [];
    tarball = await makeSource(folder, "4.0.14", "true");
    bytes = await readFile(tarball.path);
    answer = () => ({ body: bytes });
    server = createServer((request, response) => {
      const path = request.url ?? "";
      asked.push(path);
      const { status = 200, body, cut, silent, endless } = answer(path);
      if (silent) return;
      if (endless) {
        const more = () => {
          while (response.write(Buffer.alloc(65_536))) {}
        };
        response.on("drain", more).on("error", () => {});
        return more();
      }
      response.writeHead(status, body && { "content-length": body.length });
      if (cut === undefined || body === undefined) return response.end(body);
      response.write(body.subarray(0, cut), () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const bound = server.address();
    site = `http://127.0.0.1:${typeof bound === "object" && bound !== null ? bound.port : 0}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  const lab = (source: RedisSource, version = "4.0.14") => ({ name: "boot", redis: { version, source } as Lab["redis"] });
  const resolve = (source: RedisSource, more: Partial<SourceOptions> = {}, version?: string) =>
    resolveSource(lab(source, version), {
      capabilities: { distributionFallback: false },
      cacheFolder: join(folder, "cache"),
      emit: (event) => events.push(event),
      releaseSite: `${site}/releases`,
      connectTimeoutMs: 60_000,
      ...more,
    });
  const kept = async () => (await readdir(join(folder, "cache", "sources")).catch(() => [])).filter((name) => name.endsWith(".tar.gz"));

  it("takes the release site, then the cache without a further question", async () => {
    const first = await resolve({ kind: "release", mirrors: [], sha256: tarball.sha256 });
    expect(first).toMatchObject({
      version: redisVersion("4.0.14"),
      sha256: tarball.sha256,
      origin: `${site}/releases/redis-4.0.14.tar.gz`,
      fallback: false,
    });
    expect(await resolve({ kind: "release", mirrors: [], sha256: tarball.sha256 })).toEqual(first);
    expect(asked).toEqual(["/releases/redis-4.0.14.tar.gz"]);
  });

  it("tries mirrors in turn, past one that serves other bytes", async () => {
    answer = (path) =>
      path.startsWith("/releases/") ? { status: 503 } : path.startsWith("/bad/") ? { body: Buffer.from("no") } : { body: bytes };
    const found = await resolve({ kind: "release", mirrors: [`${site}/bad`, `${site}/good/`], sha256: tarball.sha256 });
    expect(found.origin).toBe(`${site}/good/redis-4.0.14.tar.gz`);
    expect(asked).toEqual(["/releases", "/bad", "/good"].map((at) => `${at}/redis-4.0.14.tar.gz`));
  });

  it("names the options when nobody answers", async () => {
    answer = () => ({ silent: true });
    const failure = resolve({ kind: "release", mirrors: ["http://127.0.0.1:20001/x"], sha256: tarball.sha256 }, { connectTimeoutMs: 400 });
    await expect(failure).rejects.toMatchObject({
      code: "source.unreachable",
      what: expect.stringMatching(/no answer within 0.4 s[\s\S]*ECONNREFUSED/),
      next: expect.stringMatching(/mirrors.*url.*file.*distribution/),
    });
  });

  it("never falls back when a server sent wrong bytes", async () => {
    answer = () => ({ body: Buffer.from("another file") });
    await expect(
      resolve({ kind: "release", mirrors: [], sha256: tarball.sha256 }, { capabilities: { distributionFallback: true } }),
    ).rejects.toMatchObject({ code: "source.checksum-mismatch" });
  });

  it("does not keep a truncated or a wrong file, and shows both sums", async () => {
    const wrong = createHash("sha256").update("x").digest("hex");
    await expect(resolve({ kind: "file", path: tarball.path, sha256: wrong })).rejects.toMatchObject({
      code: "source.checksum-mismatch",
      what: expect.stringMatching(new RegExp(`${tarball.sha256}.*${wrong}`)),
    });
    await writeFile(tarball.path, bytes.subarray(0, 100));
    await expect(resolve({ kind: "file", path: tarball.path, sha256: tarball.sha256 })).rejects.toMatchObject({
      code: "source.checksum-mismatch",
    });
    answer = () => ({ body: bytes, cut: 60 });
    await expect(resolve({ kind: "url", url: `${site}/x.tar.gz`, sha256: tarball.sha256 })).rejects.toMatchObject({
      code: "source.unreachable",
      what: expect.stringContaining(`the download ended after 60 of ${bytes.length} bytes`),
    });
    expect(await kept()).toEqual([]);
    expect(await readdir(join(folder, "cache", "sources"))).toEqual([]);
  });

  it("takes no more of a server than a source may have, whether it says its length or not", async () => {
    for (const endless of [false, true]) {
      answer = () => (endless ? { endless } : { body: bytes });
      await expect(resolve({ kind: "url", url: `${site}/x.tar.gz`, sha256: tarball.sha256 }, { longestBytes: 100 })).rejects.toMatchObject({
        code: "source.unreachable",
        what: expect.stringContaining("it is larger than 0 MB, the most that is taken"),
      });
    }
    expect(await readdir(join(folder, "cache", "sources"))).toEqual([]);
  });

  it("takes nothing from the cache that was changed there", async () => {
    const { tarball: path } = await resolve({ kind: "file", path: tarball.path, sha256: tarball.sha256 });
    await writeFile(path, "broken");
    await resolve({ kind: "file", path: tarball.path, sha256: tarball.sha256 });
    expect(await readFile(path)).toEqual(bytes);
  });

  it("refuses what is not Redis, another version, an unknown sum and a missing file", async () => {
    const text = join(folder, "text.tar.gz");
    await writeFile(text, "no archive");
    const sha256 = createHash("sha256").update("no archive").digest("hex");
    await expect(resolve({ kind: "file", path: text, sha256 })).rejects.toMatchObject({ code: "source.not-redis" });
    await expect(resolve({ kind: "file", path: tarball.path, sha256: tarball.sha256 }, {}, "5.0.6")).rejects.toMatchObject({
      code: "source.other-version",
      what: expect.stringContaining("is Redis 4.0.14, the lab declares 5.0.6"),
    });
    await expect(resolve({ kind: "release", mirrors: [] }, {}, "4.0.9")).rejects.toMatchObject({ code: "source.checksum-unknown" });
    await expect(resolve({ kind: "file", path: join(folder, "absent"), sha256 })).rejects.toMatchObject({ code: "source.file-missing" });
  });

  it("stays with the fallback of an earlier run", async () => {
    const other = await makeSource(folder, "7.0.15", "true");
    const first = await resolve({ kind: "file", path: other.path, sha256: other.sha256 }, {}, "7.0.15");
    const again = await resolve(
      { kind: "release", mirrors: [], sha256: tarball.sha256 },
      { capabilities: { distributionFallback: true }, previous: { sha256: first.sha256, fallback: true } },
    );
    expect(again).toMatchObject({ version: redisVersion("7.0.15"), fallback: true });
    expect(events).toContainEqual({ type: "notice", level: "warning", text: expect.stringContaining("instead of the declared 4.0.14") });
    expect(asked).toEqual([]);
  });
});

describe("the distribution's source package", () => {
  it("reads the sum of a file in a .dsc", () => {
    const dsc = [
      "Format: 3.0 (quilt)",
      "Checksums-Sha1:",
      ` ${"1".repeat(40)} 3025940 redis_7.0.15.orig.tar.gz`,
      "Checksums-Sha256:",
      ` ${"a".repeat(64)} 3025940 redis_7.0.15.orig.tar.gz`,
      ` ${"b".repeat(64)} 28000 redis_7.0.15-1.debian.tar.xz`,
      "Files:",
      ` ${"c".repeat(32)} 3025940 redis_7.0.15.orig.tar.gz`,
    ].join("\n");
    expect(sha256InDsc(dsc, "redis_7.0.15.orig.tar.gz")).toBe("a".repeat(64));
    expect(sha256InDsc(dsc, "absent")).toBeUndefined();
  });

  it("makes source lines of the distribution's own archives alone, of both formats", () => {
    const deb822 =
      "Types: deb\n# http://snapshot.example.org\nURIs: http://mirror.example.org/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n";
    const other = "Types: deb\nURIs: https://example.org/node\nSuites: nodistro\nComponents: main\n";
    const list =
      "deb [arch=amd64 signed-by=/c.asc] https://example.org/cloud cloud-bookworm main\ndeb http://mirror.example.org/debian-security bookworm-security main\n";
    expect(aptSources([deb822, other, list], "bookworm")).toBe(
      [
        "Types: deb-src\nURIs: http://mirror.example.org/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg",
        "Types: deb-src\nURIs: http://mirror.example.org/debian-security\nSuites: bookworm-security\nComponents: main\n",
      ].join("\n\n"),
    );
  });
});
