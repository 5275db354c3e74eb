/** One file that redis-lab wants on a host. Pure data; `content` may hold the password, so it is never printed as it is. */
export interface RenderedFile {
  /** Absolute path on the host. */
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  /** `root` files exist only where the host is managed; `redis` is the lab's `os.user` there and the caller on this computer. */
  readonly owner: "root" | "redis";
  /**
   * How the file meets what is there already:
   * `whole` replaces it; `block` replaces the lines between redis-lab's markers and keeps the rest (/etc/hosts, rc.local);
   * `redis-conf` and `sentinel-conf` merge our directives around the state that Redis writes into the same file.
   */
  readonly kind: "whole" | "block" | "redis-conf" | "sentinel-conf";
  /** Which step of the bootstrap owns the file. */
  readonly step: "sysctl" | "thp" | "files" | "log-rotation" | "units" | "hosts-file" | "package-sources";
  /** Least version of systemd that knows what is in it. @default any */
  readonly sinceSystemd?: number;
  /** Instance id whose process reads this file; a change of it concerns that process. */
  readonly instance?: string;
}
