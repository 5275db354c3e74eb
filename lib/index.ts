export { isLabError, LabError } from "./base/error.ts";
export { defineLab, numberedHosts } from "./lab/define-lab.ts";
export { InvalidLabError, type LabFault } from "./lab/errors.ts";
export type { HostInput, Lab, LabInput } from "./lab/schema.ts";
