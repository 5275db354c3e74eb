import { join, relative, resolve } from "node:path";
import { App, type LocalExecProvisioner, TerraformStack } from "cdktf";
import type { Construct } from "constructs";
import type { Project } from "../../lib/project/project.ts";

export interface RedisLabCommandProps {
  readonly project: Pick<Project, "root" | "labsFile">;
  /** The words after `redis-lab`, for example `up cluster --target libvirt`: of the stack's own text and without Terraform's `${…}`, whose values a shell would read as commands. Values come by `environment`. */
  readonly words: readonly string[];
  /** Run when the resource goes, not when it comes. It may then refer to nothing but `self` and `each.key`. @default false */
  readonly atDestroy?: boolean;
  /** @default - none besides those that every command gets */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A verb of redis-lab that Terraform runs in the project's folder, with live output; its failure is the failure of the resource. */
export function redisLabCommand(scope: Construct, props: RedisLabCommandProps): LocalExecProvisioner {
  const { root, labsFile } = props.project;
  const unsafe = props.words.find((word) => !/^(?:[\w@%+=:,./-]+|"\$[A-Z_]+")$/.test(word));
  if (unsafe !== undefined) throw new Error(`${unsafe} in a command that Terraform hands to a shell: give it by environment`);
  // Terraform runs there (the manifest of cdktf says so). A relative path, so that the trigger-free parts of a stack are the same on every computer.
  const stackFolder = join(resolve(App.of(scope).outdir), "stacks", TerraformStack.of(scope).node.id);
  return {
    type: "local-exec",
    command: ["npx", "--no-install", "redis-lab", ...props.words].join(" "),
    workingDir: relative(stackFolder, root),
    ...(props.atDestroy === true && { when: "destroy" }),
    environment: { REDIS_LAB_IN_TERRAFORM: "1", REDIS_LAB_LABS: relative(root, labsFile), ...props.environment },
  };
}
