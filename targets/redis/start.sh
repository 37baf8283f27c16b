#!/bin/sh
# start.sh NODE IP DATA COUNT PEERS --mode=... --NAME=VALUE...: one node of
# Redis.  Configuration files are written once: afterwards Redis and Sentinel
# rewrite them, so a node comes back as what it was when it went.
set -eu
node=$1 ip=$2 data=$3 count=$4 peers=$5
shift 5
first=${peers%%,*}
mode=sentinel appendfsync=everysec min_replicas=0 max_lag=1
for setting; do
    case $setting in
    --mode=*) mode=${setting#*=} ;;
    --appendfsync=*) appendfsync=${setting#*=} ;;
    --min-replicas-to-write=*) min_replicas=${setting#*=} ;;
    --min-replicas-max-lag=*) max_lag=${setting#*=} ;;
    *) echo "start.sh: what is $setting?" >&2; exit 64 ;;
    esac
done

write_redis_conf() {
    cat <<END
port 6379
bind $ip 127.0.0.1
protected-mode no
dir $data
appendonly yes
appendfsync $appendfsync
save ""
repl-diskless-sync-delay 0
repl-timeout 10
min-replicas-to-write $min_replicas
min-replicas-max-lag $max_lag
END
    if [ "$mode" = cluster ]; then
        printf 'cluster-enabled yes\ncluster-node-timeout 2000\n'
        printf 'cluster-config-file nodes.conf\n'
    elif [ "$ip" != "$first" ]; then
        echo "replicaof $first 6379"
    fi
}

write_sentinel_conf() {
    cat <<END
port 26379
bind $ip 127.0.0.1
protected-mode no
dir $data
sentinel monitor ordeal $first 6379 $((count / 2 + 1))
sentinel down-after-milliseconds ordeal 1000
sentinel failover-timeout ordeal 1500
sentinel parallel-syncs ordeal 1
END
}

# Sentinel asks a leader for its replicas when it meets it, and then only every
# ten seconds: so it is started when they are there.
start_sentinel() {
    if [ ! -e "$data/sentinel.conf" ]; then
        until redis-cli -h "$first" info replication 2>/dev/null |
            grep -q "^connected_slaves:$((count - 1))"; do
            sleep 0.05
        done
        write_sentinel_conf >"$data/sentinel.conf"
    fi
    exec redis-sentinel "$data/sentinel.conf"
}

# Node 1 makes the cluster, once all nodes answer.
make_cluster() {
    nodes=
    for peer in $(echo "$peers" | tr , ' '); do
        until redis-cli -h "$peer" ping >/dev/null 2>&1; do sleep 0.05; done
        nodes="$nodes $peer:6379"
    done
    # shellcheck disable=SC2086 # a list of words
    redis-cli --cluster create $nodes \
        --cluster-replicas "$((count >= 6))" --cluster-yes
}

if [ ! -e "$data/redis.conf" ]; then
    write_redis_conf >"$data/redis.conf"
    if [ "$mode" = cluster ] && [ "$node" = n1 ]; then make_cluster & fi
fi
if [ "$mode" = sentinel ]; then start_sentinel & fi
exec redis-server "$data/redis.conf"
