import { waitFor } from "../../lib/base/wait.ts";
import type { LabInput } from "../../lib/lab/schema.ts";
import { makeProject, type TestProject } from "./project.ts";
import { testSource } from "./sources.ts";
import { startWriter, type Writer } from "./writer.ts";

/** The version before an upgrade: its RDB version is 9, that of 7.0 is 10. */
export const OLD = "5.0.6";

/** A row of `status --json`. */
interface Row {
  readonly instance: string;
  readonly role: string;
  readonly version: string;
  /** Instance of the master of a replica. */
  readonly master: string;
}

/** A lab of which an older version runs before the wanted one. */
export class Upgrade {
  readonly project: TestProject;
  readonly wanted: LabInput;
  readonly old: LabInput;

  private constructor(project: TestProject, wanted: LabInput, old: LabInput) {
    this.project = project;
    this.wanted = wanted;
    this.old = old;
  }

  static async of(wanted: LabInput): Promise<Upgrade> {
    const { version, path, sha256, makeFlags } = await testSource(OLD);
    const source = { kind: "file" as const, path, sha256 };
    const redis = { version, makeFlags: [...makeFlags], source, settings: { ...wanted.redis?.settings } };
    return new Upgrade(await makeProject(), wanted, { ...wanted, redis });
  }

  /** A client that writes to the instance that takes writes. From 6.2 on a replica hears of these by a word that older ones do not know (SET with PXAT). */
  writer(): Writer {
    const { network, hosts, name } = this.wanted;
    return startWriter({
      endpoints: hosts.map(({ address }) => network.loopback.replace(/0\/24$/, `${address.split(".")[3]}:6379`)),
      passwords: async () => [await this.project.password(name)],
      setWith: ["EX", "86400"],
    });
  }

  async rows(): Promise<readonly Row[]> {
    return JSON.parse((await this.project.run(["status", this.wanted.name, "--json"])).stdout).rows;
  }

  async versions(): Promise<readonly string[]> {
    return [...new Set((await this.rows()).map(({ version }) => version))];
  }

  /** What `plan` counts. */
  async planned(): Promise<number> {
    return JSON.parse((await this.project.run(["plan", this.wanted.name, "--json"])).stdout).changes;
  }

  /** Waits until every replica has as many keys as its master. */
  async sameKeys(): Promise<void> {
    const servers = (await this.rows()).filter(({ role }) => role === "master" || role === "replica");
    const count = async ({ instance }: Row) => [instance, await this.project.call(this.wanted, instance, "DBSIZE")] as const;
    await waitFor(
      async () => {
        const counts = new Map(await Promise.all(servers.map(count)));
        const behind = servers.filter(({ role, instance, master }) => role === "replica" && counts.get(instance) !== counts.get(master));
        if (behind.length === 0) return { done: true, value: undefined };
        return {
          done: false,
          missing: `the keys of ${behind.map(({ instance }) => instance).join(" and ")}: ${JSON.stringify([...counts])}`,
        };
      },
      { what: "each replica to have the keys of its master", timeoutMs: 60_000 },
    );
  }
}
