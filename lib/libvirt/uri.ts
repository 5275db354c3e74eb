import { shellQuote } from "../connection/quote.ts";

/** Whether a libvirt URI means this computer: no host, over a Unix socket. */
export function isLocalUri(uri: string): boolean {
  return /^[a-z]+(\+unix)?:\/\/\//.test(uri);
}

/**
 * The URI as virsh is given it (https://libvirt.org/uri.html). ssh must fail instead of asking, which `no_tty` does; and what tells Terraform's provider not to look at host keys
 * has another name for libvirt's own ssh.
 */
export function connectUri(uri: string): string {
  if (!/^[a-z]+\+ssh:/.test(uri)) return uri;
  const added = [
    ...(/[?&]no_tty=/.test(uri) ? [] : ["no_tty=1"]),
    ...(/[?&]known_hosts_verify=ignore/.test(uri) && !/[?&]no_verify=/.test(uri) ? ["no_verify=1"] : []),
  ].join("&");
  return added === "" ? uri : `${uri}${uri.includes("?") ? "&" : "?"}${added}`;
}

/** How a person calls it for a hypervisor: without `-c`, an ordinary user gets another libvirt. */
export function virshCommand(uri: string): string {
  return `virsh -c ${/^[A-Za-z0-9_.,/:@%+-]+$/.test(uri) ? uri : shellQuote(uri)}`;
}

/** `qemu+ssh://root@kvm-1:22/system` → `root@kvm-1 -p 22`; undefined for a hypervisor on this computer. */
export function sshDestination(uri: string): string | undefined {
  const [, user = "", host, port] = /^[a-z]+\+ssh:\/\/([^@/]+@)?([^:/?]+)(?::(\d+))?/.exec(uri) ?? [];
  return host === undefined ? undefined : `${user}${host}${port === undefined ? "" : ` -p ${port}`}`;
}
