import { moveSlots } from "../../dist/lib/cluster/move/run.js";
import { openTribAccess } from "../../dist/lib/trib/access.js";

// A process that moves slots, so that what it does does not keep the client waiting whose reads are measured; compiled beforehand, as with two cores its start would be felt as well.

const { members, source, target, throttle } = JSON.parse(process.argv[2] ?? "");
const access = openTribAccess({ user: undefined, password: process.env["BENCH_PASSWORD"] });
for (const { id, address, port } of members) access.route(id, address, port);
await moveSlots([{ source, target, slots: [{ first: 0, last: 399 }] }], members, access, { emit: () => {}, throttle });
access.close();
