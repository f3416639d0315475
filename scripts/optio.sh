# Runs the `optio` command from its sources, where the user stands: pnpm runs scripts in the package's folder.
main=$PWD/apps/worker/src/main.ts
cd "${INIT_CWD:-.}" && exec node --conditions=@optio-ts/source "$main" "$@"
