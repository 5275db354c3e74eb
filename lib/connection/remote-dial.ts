import type { Socket } from "node:net";
import { type HelperProcess, startHelper } from "../base/helper-process.ts";
import { afterPatience } from "../base/patience.ts";
import { givenUp, tooManyOpenFiles } from "./errors.ts";
import { dialHelperLost } from "./remote-dial-errors.ts";
import { type Dialled, failureOf, OUT_OF_FILES } from "./sockets.ts";

/**
 * Connects where it runs and hands the connected socket over, so that no byte passes through it. Nothing is read before that: what the other end says first is for who gets the socket.
 * Plain JavaScript: it is run by `node -e`, from the sources as from the package.
 */
const SCRIPT = `
"use strict";
const { connect } = require("node:net");
process.on("disconnect", () => process.kill(process.pid));
process.on("message", ({ id, address, port, timeoutMs }) => {
  const socket = connect({ host: address, port, noDelay: true });
  socket.pause();
  let done = false;
  const end = (code) => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    if (code === undefined) process.send({ id }, socket, () => {});
    else { socket.destroy(); process.send({ id, code }); }
  };
  const timer = setTimeout(() => end("ETIMEDOUT"), timeoutMs);
  socket.once("connect", () => end(undefined));
  socket.on("error", (error) => end(error.code || "unknown"));
});
`;

/** Dials from another network of this computer. */
export class RemoteDialler {
  private readonly enter: () => readonly string[];
  private helper: HelperProcess | undefined;
  private readonly pending = new Map<
    number,
    (end: { readonly socket: Socket } | { readonly code: string } | { readonly lost: string }) => void
  >();
  private last = 0;

  /** @param enter argv before a program that runs in that network */
  constructor(enter: () => readonly string[]) {
    this.enter = enter;
  }

  /** @throws LabError `connection.open-files`, `connection.given-up`, `connection.helper-lost` */
  dial(address: string, port: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<Dialled> {
    const helper = this.start();
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      const stopWatching = afterPatience(signal, () => {
        this.settle(id);
        reject(givenUp("this computer", `${address}:${port}`));
      });
      this.pending.set(id, (end) => {
        stopWatching();
        this.settle(id);
        if ("socket" in end) resolve(end);
        else if ("lost" in end) reject(dialHelperLost(`${address}:${port}`, end.lost));
        else {
          const cause = Object.assign(new Error(`connect ${end.code} ${address}:${port}`), { code: end.code });
          if (OUT_OF_FILES.has(end.code)) reject(tooManyOpenFiles(cause));
          else resolve({ failure: failureOf(end.code), cause });
        }
      });
      helper.hold(true);
      helper.send({ id, address, port, timeoutMs });
    });
  }

  close(): void {
    this.helper?.end();
    this.helper = undefined;
  }

  private start(): HelperProcess {
    if (this.helper !== undefined) return this.helper;
    const helper = startHelper(this.enter(), SCRIPT, (message, handle) => this.receive(message, handle));
    this.helper = helper;
    void helper.ended.then((lost) => {
      if (this.helper === helper) this.helper = undefined;
      for (const end of [...this.pending.values()]) end({ lost });
    });
    return helper;
  }

  private receive(message: unknown, handle: unknown): void {
    const { id, code } = message as { readonly id: number; readonly code?: string };
    const socket = handle as Socket | undefined;
    const end = this.pending.get(id);
    if (code !== undefined) end?.({ code });
    else if (socket === undefined) end?.({ code: "ECONNRESET" });
    else if (end === undefined) socket.destroy();
    else {
      // Stays on the socket: a fault before the caller listens must not end the process.
      socket.on("error", () => {});
      socket.setNoDelay(true);
      end({ socket });
    }
  }

  private settle(id: number): void {
    this.pending.delete(id);
    if (this.pending.size === 0) this.helper?.hold(false);
  }
}
