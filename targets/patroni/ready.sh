#!/bin/sh
# ready.sh CLIENT IP PEERS --synchronous=...: PostgreSQL is ready, and where
# commits shall wait for a standby they do: Patroni has them wait some seconds
# after standbys are there, and what is acknowledged before that may be lost.
set -eu
client=$1 ip=$2 peers=$3
"$client" --ready "$ip/$peers"
[ "$4" != --synchronous=off ] || exit 0
"$client" --primary "$ip" >/dev/null || exit 0 # a standby
for bin in /usr/lib/postgresql/*/bin; do :; done
waiting=$("$bin/psql" -A -t -d "host=$ip user=postgres dbname=postgres" \
    -c "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")
[ "$waiting" -gt 0 ]
