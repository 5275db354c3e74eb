import { inventoryOf } from "../../lab/inventory.ts";
import { statePaths } from "../../project/state.ts";
import { formatInventory, type InventoryFormat } from "../../report/inventory.ts";
import { placementOf, type VerbContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";

export async function run(context: VerbContext, options: { readonly format: InventoryFormat }): Promise<number> {
  const { project, lab, target, json } = context;
  const paths = statePaths(project, lab.name, target);
  const inventory = inventoryOf(placementOf(context));
  process.stdout.write(`${formatInventory(inventory, json ? "json" : options.format, paths.knownHostsFile)}\n`);
  return EXIT.done;
}
