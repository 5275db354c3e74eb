import { defineLab } from "redis-lab";

/** Machines that exist already, behind a jump host: two services, each a master with a replica, watched by the same three sentinels. */
export const sessions = defineLab({
  name: "sessions",
  network: { cidr: "10.31.0.0/24", loopback: "127.0.31.0/24" },
  ssh: { user: "centos", keyFile: "~/.ssh/id_ed25519", jump: "ops@bastion.example.com" },
  hosts: [
    { name: "orders-1", address: "10.31.0.11" },
    { name: "orders-2", address: "10.31.0.12" },
    { name: "carts-1", address: "10.31.0.21" },
    { name: "carts-2", address: "10.31.0.22" },
    { name: "watch-1", address: "10.31.0.31", instances: [] },
  ],
  layout: {
    kind: "sentinel",
    masters: [
      { name: "orders", master: "orders-1", replicas: ["orders-2"], quorum: 2 },
      { name: "carts", master: "carts-1", replicas: ["carts-2"], quorum: 2 },
    ],
    sentinels: ["orders-2", "carts-2", "watch-1"],
  },
  // A password of the team's own, from its vault into the environment: nothing of it is kept in the project.
  secrets: { password: { from: "environment", name: "SESSIONS_REDIS_PASSWORD" } },
});
