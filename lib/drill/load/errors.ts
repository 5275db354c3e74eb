import { LabError } from "../../base/error.ts";

export function loadNotStarted(why: string): LabError {
  return new LabError({
    code: "drill.load-not-started",
    kind: "environment",
    what: `The load can't start: ${why.replace(/\.$/, "")}.`,
    next: "Look at `redis-lab status LAB`: a load needs a lab that runs, and reaches its instances from this computer directly.",
  });
}

export function loadBroke(how: string, folder: string): LabError {
  return new LabError({
    code: "drill.load-broke",
    kind: "environment",
    what: `The process of the load ended before its time: ${how.replace(/\.$/, "")}.`,
    why: `What it did until then is in ${folder}. Its keys are still in the lab.`,
    next: "Run the same command again.",
  });
}
