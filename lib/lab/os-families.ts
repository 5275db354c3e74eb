/** The families of operating systems that a host may have. In what they differ is the table of lib/render/os.ts. */
export const OS_FAMILY_NAMES = ["rhel", "debian"] as const;
export type OsFamily = (typeof OS_FAMILY_NAMES)[number];
