import type { Lab } from "../lab/schema.ts";
import type { DoctorReport } from "../operations/doctor/doctor.ts";
import type { DownReport } from "../operations/down.ts";
import type { LabPlan } from "../operations/plan.ts";
import type { Status } from "../operations/status.ts";
import type { UpReport } from "../operations/up.ts";
import { type LabOptions, runOn } from "./options.ts";

// The verbs of a lab as functions. Their code is loaded when they are called: a labs file imports this as well, and calls none of them.

export interface UpLabOptions extends LabOptions {
  /** Gives every instance a new generated password, without downtime. @default false */
  readonly rotatePassword?: boolean | undefined;
}

/**
 * Brings a lab up, or to what it declares now; a second call changes nothing and has `changed` 0. The first one compiles Redis, which takes minutes; it is kept for all later ones.
 *
 * A host that fails is not an error: it is in `failures`, the others go on, and `ok` is false.
 *
 * @throws LabError `project.locked` while another run works on the lab, `operations.hosts-refused` and `source.*` before anything is touched, and those of the layout
 * @example
 * const report = await up(lab, { folder: "/srv/lab", onEvent: (event) => log(event) });
 * if (!report.ok) throw new Error(report.failures.map(({ host, what }) => `${host}: ${what}`).join("\n"));
 */
export function up(lab: Lab, options: UpLabOptions = {}): Promise<UpReport> {
  return runOn(lab, options, async (engine) => {
    const { bringUp } = await import("../operations/up.ts");
    return bringUp({ ...engine, rotatePassword: options.rotatePassword === true });
  });
}

/**
 * What `up` would change, per host and for the layout; changes nothing. `changes` is their number.
 *
 * @throws LabError `project.*`, `secrets.*`, `source.*`
 * @example
 * const { changes, hosts } = await plan(lab);
 */
export function plan(lab: Lab, options: LabOptions = {}): Promise<LabPlan> {
  return runOn(lab, options, async (engine) => {
    const [{ planLab }, { withSession }] = await Promise.all([import("../operations/plan.ts"), import("../operations/session.ts")]);
    return withSession(engine, planLab);
  });
}

/**
 * Every instance with its role, slots, master and version, as the instances see it now. A lab that is down is not an error: its rows have the state `down`.
 *
 * @throws LabError `project.*`, `secrets.*`
 * @example
 * const { healthy, rows } = await status(lab);
 * const masters = rows.filter(({ role }) => role === "master").map(({ address }) => address);
 */
export function status(lab: Lab, options: LabOptions = {}): Promise<Status> {
  return runOn(lab, options, async (engine) => {
    const [{ readStatus }, { withSession }] = await Promise.all([import("../operations/status.ts"), import("../operations/session.ts")]);
    return withSession(engine, readStatus);
  });
}

/**
 * Compares what the running hosts and instances really have with what they should; changes nothing. `healthy`: there is no finding of the severity `problem`.
 *
 * @throws LabError `project.*`, `secrets.*`
 * @example
 * const { findings } = await doctor(lab);
 */
export function doctor(lab: Lab, options: LabOptions = {}): Promise<DoctorReport> {
  return runOn(lab, options, async (engine) => {
    const [{ examineLab }, { withSession }] = await Promise.all([
      import("../operations/doctor/doctor.ts"),
      import("../operations/session.ts"),
    ]);
    return withSession(engine, (session) => examineLab(session, engine.environment));
  });
}

export interface DownLabOptions extends LabOptions {
  /** Removes everything that redis-lab made on the hosts, data included, without a question. @default false: data and configuration stay */
  readonly purge?: boolean | undefined;
}

/**
 * Stops a lab gracefully: every instance saves its data and ends. A host that fails is not an error: it is in `failures`, and the others go on.
 *
 * @throws LabError `operations.machines-are-terraforms` for VMs that Terraform made, `project.locked` while another run works on the lab
 * @example
 * const { stopped, failures } = await down(lab, { purge: true });
 */
export function down(lab: Lab, options: DownLabOptions = {}): Promise<DownReport> {
  return runOn(lab, options, async (engine) => {
    const { bringDown } = await import("../operations/down.ts");
    return bringDown({ ...engine, remove: options.purge === true ? "everything" : "nothing" });
  });
}
