#!/bin/sh
# Runs an executable for Windows under Wine. It is called as qemu is: what is only qemu's is left out.
while :; do
    case ${1-} in
        -0 | -R) shift 2 ;;
        *) break ;;
    esac
done
wine=$(command -v wine64 || echo /usr/lib/wine/wine64)
# Its folder of settings, made when it is first needed, has some hundred MB.
folder=$(dirname "$(realpath "$0")")/../../target
[ -n "${WINEPREFIX-}" ] || { mkdir -p "$folder" && WINEPREFIX=$(realpath "$folder")/wine; }
export WINEPREFIX
# Debian's has no part for programs of 32 bits, and says so whenever it can.
export WINEDEBUG=${WINEDEBUG:--all}
[ -d "$WINEPREFIX" ] || "$wine" wineboot --init >/dev/null 2>&1
exec "$wine" "$@"
