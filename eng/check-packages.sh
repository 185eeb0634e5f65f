#!/usr/bin/env bash
# Packs the libraries and the tool, then restores, builds and runs a project outside this repository's settings that uses them,
# and installs and runs the tool, all from the local feed artifacts/packages.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
feed=$root/artifacts/packages
work=$root/artifacts/consumer
rm -rf "$feed" "$work"
mkdir -p "$work"
for project in Hachi Hachi.Lang Hachi.Linux Hachi.Hosting Hachi.Cli; do
    dotnet pack "src/$project" -c Release --artifacts-path artifacts/build -o "$feed" -v q --nologo
done
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
for package in Hachi Hachi.Lang Hachi.Linux Hachi.Hosting Hachi.Tool; do
    [ -f "$feed/$package.$version.nupkg" ] || { echo "dotnet pack made no $package.$version.nupkg"; exit 1; }
done

# The packages folder is our own: the version number stays while the content changes, and a cache would keep the old one.
cp tests/consumer/* "$work/"
export NUGET_PACKAGES=$work/cache
dotnet build "$work/Consumer.csproj" -c Release -p:HachiVersion="$version" -p:RestoreSources="$feed" -o "$work/out" -v q --nologo
# A capture of two Ethernet packets: TCP from port 49152 to 443, UDP from port 49152 to 53.
zeros() { head -c "$1" /dev/zero; }
{
    printf '\xd4\xc3\xb2\xa1\x02\x00\x04\x00'; zeros 8; printf '\x00\x00\x04\x00\x01\x00\x00\x00'
    zeros 8; printf '\x36\x00\x00\x00\x36\x00\x00\x00'; zeros 12; printf '\x08\x00\x45\x00\x00\x28\x00\x01\x00\x00\x40\x06'; zeros 10
    printf '\xc0\x00\x01\xbb'; zeros 16
    zeros 8; printf '\x2a\x00\x00\x00\x2a\x00\x00\x00'; zeros 12; printf '\x08\x00\x45\x00\x00\x1c\x00\x01\x00\x00\x40\x11'; zeros 10
    printf '\xc0\x00\x00\x35\x00\x08\x00\x00'
} > "$work/two.pcap"
said=$(dotnet "$work/out/Consumer.dll" "$work/two.pcap")
expected=$(cat tests/consumer/expected.txt)
[ "$said" = "$expected" ] || { printf 'the consumer said:\n%s\nexpected:\n%s\n' "$said" "$expected"; exit 1; }

dotnet tool install Hachi.Tool --version "$version" --tool-path "$work/tool" --add-source "$feed" >/dev/null
said=$("$work/tool/hachi" --version)
[ "$said" = "hachi $version" ] || { echo "the tool said: $said"; exit 1; }

# The sample of one file, from the packages: with root the kernel takes it, runs it, and has it on loopback of a network namespace; without, it compiles and says what it lacks.
mkdir -p "$work/sample"
sed -e "s:^#\:project ../src/\(.*\)$:#\:package \1@$version:" samples/xdp-count.cs > "$work/sample/xdp-count.cs"
cat > "$work/sample/NuGet.config" <<END
<configuration><packageSources><clear /><add key="local" value="$feed" /></packageSources></configuration>
END
printf '<Project />' | tee "$work/sample/Directory.Build.props" "$work/sample/Directory.Build.targets" > "$work/sample/Directory.Packages.props"
(
    cd "$work/sample"
    dotnet build xdp-count.cs -v q --nologo
    said=$(dotnet run --no-build xdp-count.cs 2>&1 || true)
    grep -q 'exit' <<<"$said" || { printf 'the sample said:\n%s\n' "$said"; exit 1; }
    if [ "$(id -u)" = 0 ]; then
        grep -q 'UDP to port 9: Drop' <<<"$said" || { printf 'the sample said:\n%s\n' "$said"; exit 1; }
        attached=$(unshare -n sh -c 'ip link set lo up && echo | dotnet run --no-build xdp-count.cs -- lo' 2>&1)
        grep -q 'attached to lo' <<<"$attached" || { printf 'the sample said:\n%s\n' "$attached"; exit 1; }
    fi
)
