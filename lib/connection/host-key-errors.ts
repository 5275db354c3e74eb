import { LabError } from "../base/error.ts";

// A host key that is not taken. `name` is what known_hosts knows the host by.

export function hostKeyChanged(props: {
  readonly host: string;
  readonly name: string;
  readonly file: string;
  readonly pinned: readonly string[];
  readonly presented: string;
}): LabError {
  return new LabError({
    code: "connection.host-key-changed",
    kind: "environment",
    what: `${props.host}: the SSH host key of ${props.name} is not the pinned one. Pinned: ${props.pinned.join(", ")}; presented now: ${props.presented}; pins: ${props.file}.`,
    why: "The host was installed again, another host has its address now, or another computer stands in between.",
    next: `If you know that the host was installed again, drop the pin: ssh-keygen -R '${props.name}' -f '${props.file}'`,
  });
}

/** `line`: `FILE line N`. */
export function hostKeyRevoked(props: {
  readonly host: string;
  readonly name: string;
  readonly presented: string;
  readonly line: string;
}): LabError {
  return new LabError({
    code: "connection.host-key-revoked",
    kind: "refused",
    what: `${props.host}: ${props.name} shows a host key that was revoked: ${props.presented} (${props.line}).`,
    why: "Its private half is known to others, so that any computer may show it. Nothing was sent to that one.",
    next: "Give the host new keys, on its console: `rm /etc/ssh/ssh_host_*`, `ssh-keygen -A`, restart sshd; then run the same command again.",
  });
}

/** `line`: `FILE line N`, `login`: `-p 2222 me@host`, `file`: the lab's own known_hosts. */
export function hostKeyOfAuthority(props: {
  readonly host: string;
  readonly name: string;
  readonly presented: string;
  readonly line: string;
  readonly login: string;
  readonly file: string;
}): LabError {
  return new LabError({
    code: "connection.host-key-authority",
    kind: "refused",
    what: `${props.host}: ${props.name} is to be known by a certificate (@cert-authority, ${props.line}), and redis-lab can't check host certificates. It shows the key ${props.presented}.`,
    why: "That key is not trusted at first use, as any computer in between could show one of its own.",
    next: `Let ssh check the certificate, and put the keys of the host into the lab's known_hosts: ssh ${props.login} 'cat /etc/ssh/ssh_host_*_key.pub' | sed 's/^/${props.name} /' >> '${props.file}'`,
  });
}

export function hostKeyUnknown(props: {
  readonly host: string;
  readonly name: string;
  readonly presented: string;
  readonly file: string;
}): LabError {
  return new LabError({
    code: "connection.host-key-unknown",
    kind: "refused",
    what: `${props.host}: the host key of ${props.name} is not known: ${props.presented}.`,
    why: "Your ssh configuration says StrictHostKeyChecking yes for it, so it is not pinned at first use.",
    next: `Compare it on the host (\`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\`) and put its key as a line \`${props.name} TYPE KEY\` into ${props.file}`,
  });
}
