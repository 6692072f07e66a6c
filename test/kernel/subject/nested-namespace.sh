#!/bin/bash
# In a pid namespace: starts the subject in one more, and measures it by the pid it has out here.
#
#   nested-namespace.sh SUBJECT GOSPECT…
set -euo pipefail
subject=$1
shift
coproc inner { exec unshare --pid --fork --mount-proc --kill-child "$subject"; }
read -r -t 20 _ <&"${inner[0]}"
read -r pid _ < <(cat "/proc/$inner_PID/task/$inner_PID/children"; echo)
"$@" hist --max-overhead 100% -p "$pid" main.Step --json 2> >(
    read -r _
    echo "step 77 10" >&"${inner[1]}"
    read -r -t 20 _ <&"${inner[0]}"
    echo quit >&"${inner[1]}"
    cat >&2
)
