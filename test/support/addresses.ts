import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

// Loopback addresses that no two processes use at once, whether they are workers of one run of the tests or of several: the kernel gives a listening socket to one process, and takes
// it back when that ends, however it does. Nothing is left on disk, and it holds between users too.

/** Blocks of 32 networks (/19) from 127.64.0.0 on. The labs of a user are below: redis-lab proposes 127.0.x.0/24. */
const BLOCKS = 512;
const NETWORKS = 32;
/** No test listens on the last address of a block. */
const CLAIM = { network: NETWORKS - 1, host: 254, port: 4014 } as const;

const block = await claim();
let networks = 0;
let addresses = 0;

/** A loopback /24 of this process alone, one of 30. */
export function nextNetwork(): string {
  networks += 1;
  if (networks > NETWORKS - 2) throw new Error(`a file of tests has ${NETWORKS - 2} networks; let some tests share one`);
  return `${prefixOf(block, networks)}.0/24`;
}

/** A loopback address of this process alone, outside of every nextNetwork(). */
export function nextAddress(): string {
  addresses += 1;
  if (addresses > 2 * 253) throw new Error("a file of tests has 506 addresses");
  return addresses > 253 ? `${prefixOf(block, NETWORKS - 1)}.${addresses - 253}` : `${prefixOf(block, 0)}.${addresses}`;
}

/**
 * Ports at an address that others may use as well, on which nothing listens, and nothing 10000 above them, where the bus of a cluster is. Below the range from which the kernel takes ports for connections: nobody
 * gets one of them by chance.
 */
export async function freePorts(address: string, count: number): Promise<readonly number[]> {
  for (let tries = 0; tries < 100; tries += 1) {
    const first = 20_000 + randomInt(2700 - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const free = await Promise.all(ports.flatMap((port) => [port, port + 10_000]).map((port) => isFree(address, port)));
    if (free.every((each) => each)) return ports;
  }
  throw new Error(`no ${count} neighbouring ports are free at ${address}`);
}

async function isFree(address: string, port: number): Promise<boolean> {
  const server = createServer().listen(port, address);
  try {
    await once(server, "listening");
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EADDRINUSE") return false;
    throw error;
  }
}

/** From a random one on, as servers of a process that was killed may outlive its claim. */
async function claim(): Promise<number> {
  const first = randomInt(BLOCKS);
  for (let tried = 0; tried < BLOCKS; tried += 1) {
    const candidate = (first + tried) % BLOCKS;
    const server = createServer((socket) => socket.destroy()).listen(CLAIM.port, `${prefixOf(candidate, CLAIM.network)}.${CLAIM.host}`);
    try {
      await once(server, "listening");
      server.unref();
      return candidate;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EADDRINUSE")) throw error;
    }
  }
  throw new Error(`all ${BLOCKS} blocks of loopback addresses are taken`);
}

/** The first three numbers of a network of a block. */
function prefixOf(of: number, network: number): string {
  const at = of * NETWORKS + network;
  return `127.${64 + (at >> 8)}.${at & 255}`;
}
