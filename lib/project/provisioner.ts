/** True where a provisioner of the lab's stack runs us: Terraform says so in the environment. */
export function isInsideTerraform(environment: NodeJS.ProcessEnv): boolean {
  return environment["REDIS_LAB_IN_TERRAFORM"] === "1";
}
