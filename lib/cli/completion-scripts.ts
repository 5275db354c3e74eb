/** How a shell learns to complete. */
export interface CompletionShell {
  /** What it runs when a person presses Tab: it asks `redis-lab completion words`. */
  readonly script: string;
  /** Where the script goes, below the home folder or what the variable names. */
  readonly file: { readonly variable: string; readonly usual: string; readonly name: string };
  /** The start-up file that has to name the script; undefined where the shell finds it by itself. */
  readonly startup: { readonly variable: string | undefined; readonly name: string } | undefined;
}

// bash splits words at colons, which names of instances have: the line is read as it was typed, and of a word with a colon bash wants what stands behind it.
const BASH = `_redis_lab() {
  local line="\${COMP_LINE:0:COMP_POINT}" typed words
  typed="\${line##*[[:space:]]}"
  read -ra words <<< "\${line% *}"
  COMPREPLY=()
  local word
  while IFS= read -r word; do
    [ -n "$word" ] && COMPREPLY+=("\${word#"\${typed%"\${typed##*:}"}"}")
  done < <(redis-lab completion words -- "\${words[@]:1}" "$typed" 2>/dev/null)
}
complete -o bashdefault -o default -F _redis_lab redis-lab
`;

const ZSH = `_redis_lab() {
  local -a found
  found=("\${(@f)$(redis-lab completion words -- "\${(@)words[2,CURRENT-1]}" "\${PREFIX}" 2>/dev/null)}")
  found=("\${(@)found:#}")
  if (( \${#found} )); then compadd -- "\${(@)found}"; else _files; fi
}
(( \${+functions[compdef]} )) || { autoload -Uz compinit && compinit; }
compdef _redis_lab redis-lab
`;

const FISH = `function __redis_lab
  set -l words (commandline -opc) (commandline -ct)
  redis-lab completion words -- $words[2..-1] 2>/dev/null
end
complete -c redis-lab -a '(__redis_lab)'
`;

export const COMPLETION_SHELLS: Readonly<Record<"bash" | "zsh" | "fish", CompletionShell>> = {
  bash: {
    script: BASH,
    file: { variable: "XDG_DATA_HOME", usual: ".local/share", name: "redis-lab/completion.bash" },
    startup: { variable: undefined, name: ".bashrc" },
  },
  zsh: {
    script: ZSH,
    file: { variable: "XDG_DATA_HOME", usual: ".local/share", name: "redis-lab/completion.zsh" },
    startup: { variable: "ZDOTDIR", name: ".zshrc" },
  },
  fish: {
    script: FISH,
    file: { variable: "XDG_CONFIG_HOME", usual: ".config", name: "fish/completions/redis-lab.fish" },
    startup: undefined,
  },
};
