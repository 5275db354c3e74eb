// What the systemd of CentOS 7 (219, as in RHEL 7.9) makes of a unit, for tests. Sources: load-fragment-gperf.gperf.m4, load-fragment.c, namespace.c and service.c of the
// RHEL 7.9 package. A later one reads the same unit alike as long as these are kept.

/** Directives that it knows, by section, as far as a service could want them. Anything else is "Unknown lvalue": logged and ignored. */
const KNOWN: Readonly<Record<string, ReadonlySet<string>>> = {
  Unit: new Set(
    words(`Description Documentation SourcePath Requires RequiresOverridable Requisite RequisiteOverridable Wants BindsTo BindTo Conflicts Before After OnFailure
      PropagatesReloadTo PropagateReloadTo ReloadPropagatedFrom PropagateReloadFrom PartOf JoinsNamespaceOf RequiresMountsFor StopWhenUnneeded RefuseManualStart
      RefuseManualStop AllowIsolate DefaultDependencies OnFailureJobMode OnFailureIsolate IgnoreOnIsolate IgnoreOnSnapshot JobTimeoutSec JobTimeoutAction
      JobTimeoutRebootArgument ConditionPathExists ConditionPathExistsGlob ConditionPathIsDirectory ConditionPathIsSymbolicLink ConditionPathIsMountPoint
      ConditionPathIsReadWrite ConditionDirectoryNotEmpty ConditionFileNotEmpty ConditionFileIsExecutable ConditionNeedsUpdate ConditionFirstBoot
      ConditionKernelCommandLine ConditionArchitecture ConditionVirtualization ConditionSecurity ConditionCapability ConditionHost ConditionACPower AssertPathExists
      AssertFileIsExecutable CollectMode`),
  ),
  Service: new Set(
    words(`PIDFile ExecStartPre ExecStart ExecStartPost ExecReload ExecStop ExecStopPost RestartSec TimeoutSec TimeoutStartSec TimeoutStopSec WatchdogSec
      StartLimitInterval StartLimitBurst StartLimitAction FailureAction RebootArgument Type Restart PermissionsStartOnly RootDirectoryStartOnly RemainAfterExit
      GuessMainPID RestartPreventExitStatus RestartForceExitStatus SuccessExitStatus SysVStartPriority NonBlocking BusName FileDescriptorStoreMax NotifyAccess Sockets
      WorkingDirectory RootDirectory User Group SupplementaryGroups Nice OOMScoreAdjust IOSchedulingClass IOSchedulingPriority CPUSchedulingPolicy
      CPUSchedulingPriority CPUSchedulingResetOnFork CPUAffinity UMask Environment EnvironmentFile PassEnvironment StandardInput StandardOutput StandardError TTYPath
      TTYReset TTYVHangup TTYVTDisallocate SyslogIdentifier SyslogFacility SyslogLevel SyslogLevelPrefix Capabilities SecureBits CapabilityBoundingSet
      AmbientCapabilities TimerSlackNSec NoNewPrivileges SystemCallFilter SystemCallArchitectures SystemCallErrorNumber RestrictAddressFamilies LimitCPU LimitFSIZE
      LimitDATA LimitSTACK LimitCORE LimitRSS LimitNOFILE LimitAS LimitNPROC LimitMEMLOCK LimitLOCKS LimitSIGPENDING LimitMSGQUEUE LimitNICE LimitRTPRIO LimitRTTIME
      ReadWriteDirectories ReadOnlyDirectories InaccessibleDirectories PrivateTmp PrivateNetwork PrivateDevices ProtectSystem ProtectHome MountFlags Personality
      RuntimeDirectoryMode RuntimeDirectory PAMName IgnoreSIGPIPE UtmpIdentifier SELinuxContext AppArmorProfile SmackProcessLabel KillMode SendSIGKILL
      SendSIGHUP KillSignal Slice CPUAccounting CPUShares StartupCPUShares CPUQuota MemoryAccounting MemoryLimit DeviceAllow DevicePolicy BlockIOAccounting
      BlockIOWeight StartupBlockIOWeight TasksAccounting TasksMax Delegate`),
  ),
  Install: new Set(words("Alias WantedBy RequiredBy Also DefaultInstance")),
};

/** Values that it reads otherwise than later ones, with what becomes of them. */
const TRAPS: readonly { readonly directive: RegExp; readonly value: RegExp; readonly why: string }[] = [
  {
    directive: /^(Timeout|RestartSec|Watchdog|JobTimeout)/,
    value: /^infinity$/,
    why: "infinity is over at once (service_arm_timer adds it to the time of day)",
  },
  { directive: /^ProtectSystem$/, value: /^(?!(yes|no|full|true|false|1|0|on|off)$)/, why: "is ignored, and nothing is protected" },
  { directive: /^ProtectHome$/, value: /^(?!(yes|no|read-only|true|false|1|0|on|off)$)/, why: "is ignored, and nothing is protected" },
  { directive: /^SystemCallFilter$/, value: /@/, why: "a group is ignored but the filter stands: every call but five ends the process" },
  {
    directive: /^Exec/,
    value: /^[-@]*[^-@/]/,
    why: "is not an absolute path, and +, ! and : are no prefixes: the line is dropped, and without ExecStart the unit is refused",
  },
  { directive: /^Type$/, value: /^(?!(simple|forking|oneshot|dbus|notify|idle)$)/, why: "is ignored" },
  { directive: /^Restart$/, value: /^(?!(no|on-success|on-failure|on-abnormal|on-watchdog|on-abort|always)$)/, why: "is ignored" },
  {
    directive: /^Standard(Output|Error)$/,
    value: /^(?!(inherit|null|tty|socket|(syslog|kmsg|journal)(\+console)?)$)/,
    why: "is ignored",
  },
  { directive: /^Limit(NOFILE|NPROC)$/, value: /^(?!(\d+|infinity)(:(\d+|infinity))?$)/, why: "takes numbers and infinity alone" },
  { directive: /^RuntimeDirectory$/, value: /\/|^\./, why: "takes one name, no path" },
];

/** A `%` that it does not know as a specifier ends the line. */
const SPECIFIERS = /^(%%|[^%])*%(?![%nNpPiIfcrRtuUhsmbHv])/;

/** What is wrong with a unit there: `SECTION DIRECTIVE: why`; empty for one that is read as it is meant. */
export function complaintsOf219(unit: string): readonly string[] {
  let section = "";
  const complaints: string[] = [];
  for (const line of unit.split("\n")) {
    const head = /^\[(\w+)\]$/.exec(line)?.[1];
    if (head !== undefined) section = head;
    if (head !== undefined || /^\s*([#;]|$)/.test(line)) continue;
    const [, directive = line, value = ""] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (!KNOWN[section]?.has(directive)) complaints.push(`[${section}] ${directive}: is not known, and ignored`);
    for (const trap of TRAPS)
      if (trap.directive.test(directive) && trap.value.test(value)) complaints.push(`[${section}] ${directive}=${value}: ${trap.why}`);
    if (SPECIFIERS.test(value)) complaints.push(`[${section}] ${directive}=${value}: has a specifier that is not known`);
    // A shell's own $ has to be doubled in a command, or the value is taken from the unit's environment.
    if (directive.startsWith("Exec") && /(?<!\$)\$(\$\$)*(?!\$)/.test(value)) complaints.push(`[${section}] ${directive}: has a single $`);
  }
  return complaints;
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
