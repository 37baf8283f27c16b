#!/bin/sh
# start.sh NODE IP DATA PEERS: one server of a NATS cluster with JetStream.
set -eu
node=$1 ip=$2 data=$3 peers=$4
routes=
for peer in $(echo "$peers" | tr , ' '); do
    routes="$routes${routes:+, }nats://$peer:6222"
done
cat >"$data/nats.conf" <<END
server_name: $node
listen: $ip:4222
jetstream { store_dir: "$data", max_mem: 64M, max_file: 1G }
cluster { name: ordeal, listen: $ip:6222, routes: [$routes] }
END
exec nats-server -c "$data/nats.conf"
