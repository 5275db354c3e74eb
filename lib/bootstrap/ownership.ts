/** First line of the files that redis-lab replaces or merges as a whole (templates/): the lab that they belong to. */
const MANAGED_BY = /^# Managed by redis-lab: lab ([a-z0-9-]+)[,.]/m;
/** Begin of a lab's block in a file of others (lib/render/block.ts). */
const BLOCK = /^# BEGIN redis-lab [a-z0-9-]+$/m;

/** The lab whose marker a file carries; undefined for a file of others. The name `redis-lab` somewhere in a text makes nobody its owner. */
export function labOfFile(text: string | undefined): string | undefined {
  return MANAGED_BY.exec(text ?? "")?.[1];
}

/** Whether redis-lab wrote a file, or a part of it. */
export function isMarked(text: string): boolean {
  return labOfFile(text) !== undefined || BLOCK.test(text);
}

/** Whether an executable is one of our builds. */
export function isOurs(exe: string, prefix: string): boolean {
  const path = pathOf(exe);
  return path.startsWith(`${prefix}/builds/`) || path.startsWith(`${prefix}/bin/`);
}

/** Key of the build that an executable is of; undefined where its path does not say. */
export function keyOfExecutable(exe: string, prefix: string): string | undefined {
  const path = pathOf(exe);
  return path.startsWith(`${prefix}/builds/`)
    ? path
        .slice(`${prefix}/builds/`.length)
        .split("/")[0]
        ?.replace(/\.old$/, "")
    : undefined;
}

/** The kernel adds ` (deleted)` when the file of a program was replaced (proc(5)). */
function pathOf(exe: string): string {
  return exe.replace(/ \(deleted\)$/, "");
}
