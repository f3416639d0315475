# Runs the `optio` command from its sources, where the user stands: pnpm runs scripts in the package's folder.
# The dashboard's page is for a browser, which reads no TypeScript.
if [ "$1" = serve ]; then pnpm --silent --filter @optio-ts/worker build >/dev/null || exit; fi
main=$PWD/apps/worker/src/main.ts
cd "${INIT_CWD:-.}" && exec node --conditions=@optio-ts/source "$main" "$@"
