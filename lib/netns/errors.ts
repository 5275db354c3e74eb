import { LabError } from "../base/error.ts";

const ELSEWHERE = "Or run the lab on loopback addresses: redis-lab up LAB --target local";

export function networkDown(lab: string): LabError {
  return new LabError({
    code: "netns.down",
    kind: "refused",
    what: `The network of "${lab}" is not there: the lab is down.`,
    next: `Bring it up: redis-lab up ${lab}`,
  });
}

/** @param remedy a whole sentence with the command */
export function namespacesForbidden(detail: string, remedy: string): LabError {
  return new LabError({
    code: "netns.forbidden",
    kind: "environment",
    what: `This computer does not let this user make network namespaces: ${detail}.`,
    why: "On the target netns each host is one, made within a user namespace, so that no root is needed.",
    next: `${remedy}\n${ELSEWHERE}`,
  });
}

export function programMissing(program: string, packages: string): LabError {
  return new LabError({
    code: "netns.program-missing",
    kind: "environment",
    what: `The program ${program}, with which network namespaces are made, is not on the PATH.`,
    next: `Install it (package ${packages}).\n${ELSEWHERE}`,
  });
}

export function holderFailed(lab: string, detail: string): LabError {
  return new LabError({
    code: "netns.not-made",
    kind: "environment",
    what: `The network of "${lab}" could not be made: ${detail}.`,
    why: "Nothing of it is left.",
    next: `Run the same command again.\n${ELSEWHERE}`,
  });
}

export function networkNotChanged(lab: string, detail: string): LabError {
  return new LabError({
    code: "netns.not-changed",
    kind: "environment",
    what: `The network of "${lab}" could not be brought to what the lab declares: ${detail}.`,
    next: `Make it again: redis-lab down ${lab}, then redis-lab up ${lab}`,
  });
}

export function holderElsewhere(lab: string, file: string): LabError {
  return new LabError({
    code: "netns.elsewhere",
    kind: "refused",
    what: `The network of "${lab}" was made in another container or on another computer, where this process can't see whether it lives.`,
    why: "A second one would work on the same files.",
    next: `Run redis-lab there. If that is gone for good: rm ${file}`,
  });
}

export function ofAnotherUser(lab: string, uid: number): LabError {
  return new LabError({
    code: "netns.of-another-user",
    kind: "refused",
    what: `The lab "${lab}" is kept in a folder of the user with the id ${uid}, who alone can enter its network.`,
    next: `Run the same command as that user: sudo -u '#${uid}' redis-lab …`,
  });
}

export function filesBelowDisk(lab: string, folder: string): LabError {
  return new LabError({
    code: "netns.files-below-disk",
    kind: "refused",
    what: `${folder} holds files, which the file system that \`netns.disk\` asks for would hide.`,
    why: "The instances would start without their data, and find it again when the field is gone.",
    next: `If the data may go: redis-lab down ${lab} --purge, then redis-lab up ${lab}. Otherwise remove \`netns.disk\` from the lab.`,
  });
}

export function hiddenFolder(folder: string): LabError {
  return new LabError({
    code: "netns.hidden-folder",
    kind: "refused",
    what: `${folder} lies below /run, where each network of a lab has a file system of its own.`,
    next: `Move the project to another folder.\n${ELSEWHERE}`,
  });
}

export function notEnded(lab: string, pid: number): LabError {
  return new LabError({
    code: "netns.not-ended",
    kind: "environment",
    what: `The process ${pid}, which holds the network of "${lab}", was killed and has not ended.`,
    why: "A process of the lab may wait for a disk that does not answer.",
    next: `See what it waits for: ps -o pid,stat,wchan,args ${pid}; then: redis-lab down ${lab}`,
  });
}
