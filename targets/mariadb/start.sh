#!/bin/sh
# start.sh INDEX IP DATA COUNT PEERS --mode=... --NAME=VALUE...: one MariaDB
# server.  An empty database takes seconds to make, so node 1 makes it and the
# others copy it.
set -eu

# State is sent by rsync, which as uid 0 would write as nobody.  In a user
# namespace of our own we have another uid, and the files stay ours.
if [ "$(id -u)" -eq 0 ]; then
    uid=$(id -u mysql) gid=$(id -g mysql)
    if unshare -U --map-user="$uid" --map-group="$gid" true 2>/dev/null; then
        exec unshare -U --map-user="$uid" --map-group="$gid" sh "$0" "$@"
    fi
    chown "$uid:$gid" "$3" "$3/.."
    exec setpriv --reuid "$uid" --regid "$gid" --clear-groups sh "$0" "$@"
fi

index=$1 ip=$2 data=$3 count=$4 peers=$5
shift 5
mode=galera
for setting; do
    case $setting in
    --mode=*) mode=${setting#*=} ;;
    *) echo "start.sh: what is $setting?" >&2; exit 64 ;;
    esac
done
first=${peers%%,*}
here=$(cd "$(dirname "$0")" && pwd)
db=$data/db
seed=$data/../seed
user="--user=$(id -un)"
mkdir -p "$data/tmp"
export TMPDIR="$data/tmp"

if [ ! -d "$db" ]; then
    if [ "$index" = 1 ]; then
        mariadb-install-db --defaults-file=/dev/null --datadir="$seed.part" \
            "$user" --auth-root-authentication-method=normal --skip-test-db \
            --extra-file="$here/schema.sql" >/dev/null
        mv "$seed.part" "$seed"
    fi
    until [ -d "$seed" ]; do sleep 0.1; done
    cp -a "$seed" "$db.part"
    mv "$db.part" "$db"
fi

set -- --no-defaults "$user" --datadir="$db" --socket="$data/s.sock" \
    --bind-address="$ip" --skip-name-resolve \
    --binlog-format=ROW --innodb-flush-log-at-trx-commit=1 \
    --innodb-buffer-pool-size=32M --performance-schema=OFF

if [ "$mode" = galera ]; then
    set -- "$@" --innodb-autoinc-lock-mode=2 --wsrep-on=ON \
        --wsrep-provider=/usr/lib/galera/libgalera_smm.so \
        --wsrep-cluster-name=ordeal --wsrep-cluster-address="gcomm://$peers" \
        --wsrep-sst-method=rsync --wsrep-node-address="$ip" \
        --wsrep-provider-options="gcache.size=32M;\
gmcast.listen_addr=tcp://$ip:4567;evs.suspect_timeout=PT2S;\
evs.inactive_timeout=PT4S;evs.install_timeout=PT4S;\
evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.25S"
    if [ "$ip" = "$first" ] && [ ! -e "$db/grastate.dat" ]; then
        set -- "$@" --wsrep-new-cluster
    fi
    exec mariadbd "$@"
fi

# Every node follows the one before it, and node 1 the last: a ring.
follow=$((index == 1 ? count : index - 1))
leader=$(echo "$peers" | cut -d, -f"$follow")
if [ ! -e "$data/following" ]; then
    (
        until mariadb -S "$data/s.sock" -u root -e "
            change master to master_host='$leader', master_user='ordeal',
                master_use_gtid=slave_pos, master_connect_retry=1,
                master_heartbeat_period=1;
            start slave" 2>/dev/null; do
            sleep 0.1
        done
        : >"$data/following"
    ) &
fi
exec mariadbd "$@" --server-id="$index" --gtid-domain-id="$index" --log-bin=b \
    --log-slave-updates=ON --slave-net-timeout=3 \
    --auto-increment-increment=1
