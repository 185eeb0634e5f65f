#!/bin/bash
# driver.sh FOLDER: runs each case below FOLDER/cases and leaves its output and status there. A case is a folder of shell lines: run (the tracer), before.N (started first, ended with the
# case), after (run when the tracer says that it is attached), requires.N, setup.N, cleanup.N, seconds. What a case starts is in process groups of its own, which end with it.
cd "$1" || exit 2
export PATH=$PWD/bin:$PATH TERM=dumb
set -m
# A view of tracefs of our own: the machine may not have mounted it.
export TRACING=$PWD/tracing
mkdir -p "$TRACING" && mount -t tracefs tracefs "$TRACING" 2>/dev/null
trap 'umount "$TRACING" 2>/dev/null' EXIT
alive() { kill -0 "$1" 2>/dev/null; }
# The clock in microseconds, waiting, and looking into a file without starting a process: each would be seen by what is traced, and is slow where the processor is emulated.
micro() { now=${EPOCHREALTIME//[.,]/}; }
mkfifo wait.fifo && exec 9<>wait.fifo
pause() { read -r -t "$1" -u 9; }
says() { local text=; IFS= read -r -d '' -n 100000 text <"$1"; for word in "${@:2}"; do [[ $text == *"$word"* ]] && return; done; return 1; }

run_case() {
    local case=$1 pid group groups=() seconds=5 script attached= after_done= limit begun status
    [ -f "$case/seconds" ] && seconds=$(<"$case/seconds")
    for line in "$case"/requires.*; do
        [ -f "$line" ] && ! bash "$line" >/dev/null 2>&1 && { echo skipped >"$case/status"; return; }
    done
    for line in "$case"/setup.*; do [ -f "$line" ] && bash "$line" >/dev/null 2>&1; done
    export BEFORE_PID=
    for line in "$case"/before.*; do
        [ -f "$line" ] || continue
        bash -c "exec $(<"$line")" >/dev/null 2>&1 </dev/null &
        BEFORE_PID=$!
        groups+=("$BEFORE_PID")
        pause 0.2
    done
    script=$(<"$case/run")
    script=${script//'{{BEFORE_PID}}'/$BEFORE_PID}
    bash -c "$script" >"$case/out" 2>&1 </dev/null &
    pid=$!
    export CASE_GROUP=$pid
    micro; begun=$now
    limit=$((begun + 90000000)) # a busy machine starts slowly
    while alive "$pid"; do
        micro
        if [ -z "$attached" ] && { says "$case/out" 'Attached ' attached_probes || { says "$case/out" 'Attaching ' && { pause 20; true; }; } || { [[ $script == *' -q'* ]] && [ "$now" -gt $((begun + 4000000)) ]; }; }; then
            attached=1
            micro
            limit=$((now + seconds * 1000000))
            if [ -f "$case/after" ]; then
                bash "$case/after" >/dev/null 2>&1 </dev/null &
                groups+=($!)
            fi
        fi
        [ "$now" -lt "$limit" ] || break
        pause 0.03
    done
    status=
    if alive "$pid"; then
        status=timeout
        kill -TERM -- "-$pid" 2>/dev/null
        for ((i = 0; i < 200; i++)); do alive "$pid" || break; pause 0.05; done
        kill -KILL -- "-$pid" 2>/dev/null
    fi
    wait "$pid" 2>/dev/null
    status=${status:-$?}
    for group in "${groups[@]}"; do kill -KILL -- "-$group" 2>/dev/null; done
    wait "${groups[@]}" 2>/dev/null
    for line in "$case"/cleanup.*; do [ -f "$line" ] && bash "$line" >/dev/null 2>&1; done
    echo "$status" >"$case/status"
}

for case in cases/*/; do
    micro; started=$now
    run_case "${case%/}" 2>/dev/null
    micro
    [ -n "$2" ] && { echo "@@CASE ${case%/} $(<"${case}status") $(((now - started) / 1000))"; [ -f "${case}out" ] && head -c 60000 "${case}out" | sed 's/^/@@OUT /'; echo; } >"$2"
done
