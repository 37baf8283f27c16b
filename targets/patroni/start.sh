#!/bin/sh
# start.sh NODE IP DATA PEERS --synchronous=...: etcd, and Patroni, which
# prepares the data folder, runs PostgreSQL and decides who leads.
set -eu
node=$1 ip=$2 data=$3 peers=$4
here=$(cd "$(dirname "$0")" && pwd)
shift 4
mode=false strict=false
for setting; do
    case $setting in
    --synchronous=off) ;;
    --synchronous=on) mode=true ;;
    --synchronous=strict) mode=true strict=true ;;
    *) echo "start.sh: what is $setting?" >&2; exit 64 ;;
    esac
done
for bin in /usr/lib/postgresql/*/bin; do :; done # the newest
cd "$data"
umask 077

# As in the target postgres: uid 0 is refused.
user=postgres
id -u "$user" >/dev/null 2>&1 || user=nobody
uid=$(id -u "$user") gid=$(id -g "$user")
if unshare -U --map-user="$uid" --map-group="$gid" true 2>/dev/null; then
    as="unshare -U --map-user=$uid --map-group=$gid"
elif [ "$(id -u)" -eq 0 ]; then
    chown -R "$uid:$gid" .
    as="setpriv --reuid $uid --regid $gid --clear-groups"
else
    as=
fi

members='' hosts='' i=0
for peer in $(echo "$peers" | tr , ' '); do
    i=$((i + 1))
    members=$members${members:+,}n$i=http://$peer:2380
    hosts=$hosts${hosts:+,}$peer:2379
done

# Standbys come later: a synchronous commit would wait for them.
cat >schema.sh <<END
#!/bin/sh
grep '^CREATE' "$here/../postgres/schema.sql" |
    PGOPTIONS='-c synchronous_commit=local' $bin/psql -q -v ON_ERROR_STOP=1 "\$1"
END
chmod 700 schema.sh

cat >patroni.yml <<END
scope: ordeal
name: $node
restapi: {listen: '$ip:8008', connect_address: '$ip:8008'}
etcd3: {hosts: '$hosts'}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 3
    maximum_lag_on_failover: 1048576
    synchronous_mode: $mode
    synchronous_mode_strict: $strict
    postgresql:
      use_pg_rewind: true
      parameters:
        wal_keep_size: 64MB
        wal_sender_timeout: 3s
        wal_receiver_timeout: 3s
        wal_receiver_status_interval: 1s
        shared_buffers: 32MB
        max_connections: 200
        max_wal_senders: 10
        autovacuum: 'off'
        jit: 'off'
  initdb: [data-checksums, {encoding: UTF8}, {locale: C}, {auth: trust}]
  post_init: $PWD/schema.sh
postgresql:
  listen: '$ip:5432'
  connect_address: '$ip:5432'
  data_dir: $PWD/db
  bin_dir: $bin
  pgpass: $PWD/pgpass
  pg_hba: ['local all all trust', 'host all all all trust',
           'host replication all all trust']
  parameters: {unix_socket_directories: ''}
  basebackup: [{checkpoint: fast}, no-sync]
  authentication:
    superuser: {username: postgres}
    replication: {username: postgres}
    rewind: {username: postgres}
END

etcd --name "$node" --data-dir "$data/etcd" \
    --listen-peer-urls "http://$ip:2380" \
    --initial-advertise-peer-urls "http://$ip:2380" \
    --listen-client-urls "http://$ip:2379" \
    --advertise-client-urls "http://$ip:2379" \
    --initial-cluster "$members" --initial-cluster-state new \
    --initial-cluster-token ordeal --heartbeat-interval 100 \
    --election-timeout 1000 --pre-vote=true --logger zap --log-level error &
# n1 is there first, and so the first to lead.
[ -e db ] || [ "$ip" = "${peers%%,*}" ] || /usr/bin/python3 -c '
import socket, sys, time
while True:
    try:
        socket.create_connection((sys.argv[1], 8008), 1).close()
        break
    except OSError:
        time.sleep(0.1)
' "${peers%%,*}"
exec $as /usr/bin/python3 "$(command -v patroni)" patroni.yml
