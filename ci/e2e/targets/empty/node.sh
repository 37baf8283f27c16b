#!/bin/sh
# A node of the target `empty`; $1 is --way=WAY.
case "$1" in
--way=die)
    echo "cannot find my data" >&2
    exit 7
    ;;
--way=daemon)
    sleep 600 >/dev/null 2>&1 &
    exit 0
    ;;
--way=chatty)
    # Fills its log: 100 MB, beyond what the harness keeps.
    head -c 100000000 /dev/zero | tr '\0' x
    ;;
esac
exec sleep 600
