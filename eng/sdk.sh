# Sourced by ./hachi, ./test and .ci/run: finds the .NET SDK or says how to get it.
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false MSBUILDTERMINALLOGGER=off

# A user-local install is not always on PATH.
if ! command -v dotnet >/dev/null 2>&1 && [ -x "$HOME/.dotnet/dotnet" ]; then
    PATH="$HOME/.dotnet:$PATH"
    export PATH DOTNET_ROOT="$HOME/.dotnet"
fi

# under_sudo: whether another user's clone would be built as root.
under_sudo() { [ -n "${SUDO_UID:-}" ] && [ "${SUDO_UID:-0}" != 0 ] && [ "$(id -u)" = 0 ]; }

# need_sdk WHO: ends the script with the remedy when there is no SDK that global.json accepts.
need_sdk() {
    if command -v dotnet >/dev/null 2>&1; then
        sdk_said=$(cd "$root" && dotnet --version 2>&1) && return 0
        echo "$1: dotnet is here, but it says: $(echo "$sdk_said" | tail -n 1)" >&2
    fi
    cat >&2 <<EOF
$1: building needs the .NET 10 SDK, and it is not here. To get it without root:
    curl -sSL https://dot.net/v1/dotnet-install.sh | bash -s -- --channel 10.0
    export PATH="\$HOME/.dotnet:\$PATH"
Then run the same command again. (Ubuntu has it as a package: sudo apt install dotnet-sdk-10.0)
EOF
    exit 2
}
