#!/usr/bin/env bash
# Writes src/Hachi/Uapi/*.g.cs again from the tables in eng/uapi.
set -euo pipefail
cd "$(dirname "$0")/.."
exec dotnet run --project eng/uapi -- eng/uapi src/Hachi/Uapi
