import { defineLab } from "../../lab/define-lab.ts";
import type { Lab } from "../../lab/schema.ts";
import { bringUp } from "../up.ts";
import { nothingToVary } from "./errors.ts";
import { type Distribution, type DrillRunReport, type DrillVerbOptions, runDrills } from "./run.ts";

/** One setting, and the values that are tried. */
export interface Varied {
  readonly setting: string;
  readonly values: readonly string[];
}

export interface MatrixOptions extends DrillVerbOptions {
  readonly vary: readonly Varied[];
}

/** One combination of values, and what it cost. */
export interface MatrixRow {
  readonly settings: Readonly<Record<string, string>>;
  readonly passed: boolean;
  /** By figure, over the runs. */
  readonly figures: Readonly<Record<string, Distribution>>;
  /** Folders of the histories. */
  readonly folders: readonly string[];
}

export interface MatrixReport {
  readonly lab: string;
  readonly target: string;
  readonly drill: string;
  readonly rows: readonly MatrixRow[];
  readonly interrupted: boolean;
}

/** What a name of a setting stands for. Others are directives of redis.conf. */
const FIELDS: Readonly<Record<string, { readonly layout: Lab["layout"]["kind"]; readonly set: (lab: Lab, value: number) => Lab }>> = {
  "node-timeout": {
    layout: "cluster",
    set: (lab, value) => (lab.layout.kind === "cluster" ? { ...lab, layout: { ...lab.layout, nodeTimeoutMs: value } } : lab),
  },
  "down-after": {
    layout: "sentinel",
    set: (lab, value) =>
      lab.layout.kind === "sentinel"
        ? { ...lab, layout: { ...lab.layout, masters: lab.layout.masters.map((each) => ({ ...each, downAfterMs: value })) } }
        : lab,
  },
};
/** Of the load, not of the lab. */
const WAIT = "wait";

/** The lab with these values. @throws InvalidLabError where it would be none; LabError `drill.nothing-to-vary` */
export function derivedLab(lab: Lab, settings: Readonly<Record<string, string>>): Lab {
  let derived = lab;
  for (const [setting, value] of Object.entries(settings)) {
    if (setting === WAIT) continue;
    const field = Object.hasOwn(FIELDS, setting) ? FIELDS[setting] : undefined;
    if (field === undefined)
      derived = { ...derived, redis: { ...derived.redis, settings: { ...derived.redis.settings, [setting]: value } } };
    else if (field.layout !== lab.layout.kind) throw nothingToVary(setting, `it is a setting of the layout ${field.layout}`);
    else derived = field.set(derived, Number(value));
  }
  return defineLab(derived);
}

/** Every combination. */
export function combinations(vary: readonly Varied[]): readonly Readonly<Record<string, string>>[] {
  return vary.reduce<readonly Readonly<Record<string, string>>[]>(
    (sum, { setting, values }) => sum.flatMap((settings) => values.map((value) => ({ ...settings, [setting]: value }))),
    [{}],
  );
}

/**
 * Runs a drill under every combination of settings, each brought to the lab by `up`, and puts the lab back as it is declared, also after an interruption. Only where `up` itself is interrupted it says how: what was silent
 * then would be as silent once more.
 */
export async function runMatrix(options: MatrixOptions): Promise<MatrixReport> {
  const { lab, target, drill, vary, signal, say } = options;
  if (vary.length === 0) throw nothingToVary("--set", "there is none");
  const plans = combinations(vary).map((settings) => ({ settings, lab: derivedLab(lab, settings) }));
  const rows: MatrixRow[] = [];
  let bringing = false;
  try {
    for (const { settings, lab: derived } of plans) {
      if (signal?.aborted === true) break;
      say(
        Object.entries(settings)
          .map(([name, value]) => `${name} ${value}`)
          .join(", "),
      );
      const wait = settings[WAIT] === undefined ? {} : { wait: Number(settings[WAIT]) };
      bringing = true;
      await bringUp({ ...options, lab: derived });
      bringing = false;
      rows.push(rowOf(settings, await runDrills({ ...options, ...wait, lab: derived })));
    }
  } finally {
    if (bringing && signal?.aborted === true) say(`settings of the matrix may be left; they go with: redis-lab up ${lab.name}`);
    else {
      say("the lab is put back as it is declared");
      await bringUp({ ...options, signal: undefined });
    }
  }
  return { lab: lab.name, target, drill: drill.name, rows, interrupted: signal?.aborted === true };
}

function rowOf(settings: MatrixRow["settings"], { passed, distribution, runs }: DrillRunReport): MatrixRow {
  return { settings, passed, figures: distribution, folders: runs.map(({ folder }) => folder) };
}
