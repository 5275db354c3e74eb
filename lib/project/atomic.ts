import { randomUUID } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file of ours so that a reader sees the old or the new text, never a part: temporary file, flush, rename. The folder is made with mode 0700. */
export async function writeAtomically(file: string, text: string, mode = 0o600): Promise<void> {
  await throughTemporary(file, text, mode, (temporary) => rename(temporary, file));
}

/** Makes a file of mode 0600 unless there is one: complete or not at all, and never in place of that of somebody who was faster. The folder is made with mode 0700. */
export async function createAtomically(file: string, content: () => string): Promise<void> {
  if ((await readIfPresent(file)) !== undefined) return;
  await throughTemporary(file, content(), 0o600, async (temporary) => {
    await link(temporary, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  });
}

async function throughTemporary(file: string, text: string, mode: number, place: (temporary: string) => Promise<void>): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(temporary);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The text of a file, or undefined when there is none. */
export async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
