# Sourced by ./hachi: builds artifacts/hachi/hachi (native) or artifacts/hachi-plain (plain .NET).
need_sdk hachi
root=$(cd "$root" && pwd)
log=$root/artifacts/hachi.log
mkdir -p "$root/artifacts" 2>/dev/null
if ! touch "$log" 2>/dev/null; then
    echo "hachi: $root/artifacts cannot be written; if it belongs to root: sudo rm -rf $root/artifacts" >&2
    exit 2
fi
# One build at a time; whoever waited finds it done.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$root/artifacts/.lock"
    flock 9
fi

# rid: the platform's name in .NET, empty where a native build is not tried.
rid() {
    [ "$(uname -s)" = Linux ] || return 0
    case $(uname -m) in x86_64) machine=x64 ;; aarch64) machine=arm64 ;; *) return 0 ;; esac
    libc=
    for loader in /lib/ld-musl-*; do [ -e "$loader" ] && libc=musl-; done
    echo "linux-$libc$machine"
}

# What a run needs, and no more: the analyzers are for those who change the sources (dotnet build, .ci/run), nobody reads its documentation files.
quick="-p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false -p:GenerateDocumentationFile=false -p:GeneratePackageOnBuild=false"

# publish_native: static where the static libc is there (glibc-static on Fedora, libc6-dev on Debian).
publish_native() {
    linker=$(command -v clang || command -v gcc) || return 1
    rid=$(rid)
    [ -n "$rid" ] || return 1
    static=false
    [ -f "$("$linker" -print-file-name=libc.a)" ] && static=true
    dotnet publish "$root/src/Hachi.Cli" -c Release -r "$rid" -p:HachiNative=true -p:HachiStatic=$static $quick \
        --artifacts-path "$root/artifacts/build" -o "$root/artifacts/hachi.new" -v q --nologo </dev/null >"$log" 2>&1 || return 1
    mkdir -p "$root/artifacts/hachi" && mv -f "$root/artifacts/hachi.new/Hachi.Cli" "$native" || return 1
    # The names of its functions, for who profiles it: found by the name in its .gnu_debuglink.
    [ ! -f "$root/artifacts/hachi.new/Hachi.Cli.dbg" ] || mv -f "$root/artifacts/hachi.new/Hachi.Cli.dbg" "$root/artifacts/hachi/"
    rm -rf "$root/artifacts/hachi.new"
}

publish_plain() {
    dotnet publish "$root/src/Hachi.Cli" -c Release --artifacts-path "$root/artifacts/build" -o "$root/artifacts/hachi-plain" $quick -v q --nologo \
        </dev/null >"$log" 2>&1 && rm -rf "$root/artifacts/hachi"
}

if ! fresh; then
    echo "hachi: building (half a minute or so; only when sources have changed) ..." >&2
    touch "$stamp.new"
    if publish_native; then
        :
    elif grep -q 'error CS' "$log" 2>/dev/null; then
        # The sources do not compile: a plain build would say the same.
        grep -E 'error' "$log" | sort -u | head -20 >&2
        echo "hachi: the build failed; the whole log is $log" >&2
        exit 2
    elif publish_plain; then
        echo "hachi: built without a C linker, so it starts more slowly; with gcc (Debian: apt install gcc libc6-dev zlib1g-dev) it becomes one native binary." >&2
    else
        grep -E 'error' "$log" | sort -u | head -20 >&2
        echo "hachi: the build failed; the whole log is $log" >&2
        exit 2
    fi
    mv -f "$stamp.new" "$stamp"
fi
if command -v flock >/dev/null 2>&1; then exec 9>&-; fi
