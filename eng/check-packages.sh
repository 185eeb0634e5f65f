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
for project in Hachi Hachi.Lang Hachi.Linux Hachi.Cli; do
    dotnet pack "src/$project" -c Release --artifacts-path artifacts/build -o "$feed" -v q --nologo
done
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
for package in Hachi Hachi.Lang Hachi.Linux Hachi.Tool; do
    [ -f "$feed/$package.$version.nupkg" ] || { echo "dotnet pack made no $package.$version.nupkg"; exit 1; }
done

# The packages folder is our own: the version number stays while the content changes, and a cache would keep the old one.
cp tests/consumer/* "$work/"
export NUGET_PACKAGES=$work/cache
dotnet build "$work/Consumer.csproj" -c Release -p:HachiVersion="$version" -p:RestoreSources="$feed" -o "$work/out" -v q --nologo
said=$(dotnet "$work/out/Consumer.dll")
expected=$(cat tests/consumer/expected.txt)
[ "$said" = "$expected" ] || { printf 'the consumer said:\n%s\nexpected:\n%s\n' "$said" "$expected"; exit 1; }

dotnet tool install Hachi.Tool --version "$version" --tool-path "$work/tool" --add-source "$feed" >/dev/null
said=$("$work/tool/hachi" --version)
[ "$said" = "hachi $version" ] || { echo "the tool said: $said"; exit 1; }
