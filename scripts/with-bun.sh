#!/bin/sh
# Runs a file of this project with the Bun that package.json pins, installing it first where it is missing:
# Node and npm are all that a fresh checkout needs.
set -eu
cd "$(dirname "$0")/.."
wanted=$(node -p 'require("./package.json").devDependencies.bun')
bun=node_modules/.bin/bun
if [ "$("$bun" --version 2>/dev/null || true)" != "$wanted" ]; then
  echo "installing the dependencies (npm ci) ..." >&2
  npm ci --no-audit --no-fund >&2
fi
exec "$bun" "$@"
