// The door `redis-lab/stacks`. A user's main.ts is three statements (see addLabStacks); the constructs serve stacks of one's own.
export { openProject, type Project } from "../lib/project/project.ts";
export { BaseImage, type BaseImageProps } from "./constructs/base-image.ts";
export { Bootstrap, type BootstrapProps } from "./constructs/bootstrap.ts";
export { CloudInitDisk, type CloudInitDiskProps } from "./constructs/cloud-init-disk.ts";
export { Hypervisor, type HypervisorProps } from "./constructs/hypervisor.ts";
export { type BridgedNetworkProps, LabNetwork, type LabNetworkProps, type OwnNetworkProps } from "./constructs/lab-network.ts";
export { Members, type MembersProps, type MemberVm } from "./constructs/members.ts";
export { Places, type PlacesProps } from "./constructs/places.ts";
export { Preflight, type PreflightProps } from "./constructs/preflight.ts";
export { RedisHost, type RedisHostProps } from "./constructs/redis-host.ts";
export { Size } from "./constructs/size.ts";
export { StateBackend, type StateBackendProps } from "./constructs/state-backend.ts";
export { LabSite, type LabSiteProps, type SiteHost } from "./lab-site.ts";
export { LabStack, type LabStackProps } from "./lab-stack.ts";
export { addLabStacks, type LabStacksOptions } from "./lab-stacks.ts";
export { type PreparedLab, prepareLab } from "./prepare-lab.ts";
