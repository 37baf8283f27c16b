#!/bin/sh
# start.sh CLIENT NODE IP DATA COUNT --queue=TYPE --partitions=WHAT: one RabbitMQ
# node.  The first makes the queues, once all have met.
set -eu
client=$1 node=$2 ip=$3 data=$4 count=$5
shift 5
queue=quorum partitions=pause_minority
for setting; do
    case $setting in
    --queue=*) queue=${setting#*=} ;;
    --partitions=*) partitions=${setting#*=} ;;
    *) echo "start.sh: what is $setting?" >&2; exit 64 ;;
    esac
done

export HOME="$data"
export RABBITMQ_NODENAME="rabbit@$node"
export RABBITMQ_MNESIA_BASE="$data/mnesia"
export RABBITMQ_LOG_BASE="$data/log"
export RABBITMQ_CONFIG_FILE="$data/rabbitmq.conf"
export RABBITMQ_ENABLED_PLUGINS_FILE="$data/plugins"
export RABBITMQ_CONF_ENV_FILE=/dev/null
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel net_ticktime 5 +sbwt none"
export LC_ALL=C.UTF-8

if [ ! -e "$data/.erlang.cookie" ]; then
    printf ordeal >"$data/.erlang.cookie"
    chmod 400 "$data/.erlang.cookie"
    echo '[].' >"$data/plugins"
    {
        cat <<END
listeners.tcp.default = $ip:5672
loopback_users = none
cluster_formation.peer_discovery_backend = classic_config
cluster_partition_handling = $partitions
log.console = true
log.console.level = warning
END
        i=1
        while [ "$i" -le "$count" ]; do
            echo "cluster_formation.classic_config.nodes.$i = rabbit@n$i"
            i=$((i + 1))
        done
    } >"$data/rabbitmq.conf"
fi

ctl() { /usr/lib/rabbitmq/bin/rabbitmqctl "$@" >/dev/null 2>&1; }

if [ "$node" = n1 ] && [ ! -e "$data/declared" ]; then
    (
        until ctl await_online_nodes "$count"; do sleep 0.5; done
        if [ "$queue" = mirrored ]; then
            until ctl set_policy ha '^q' \
                '{"ha-mode":"all","ha-sync-mode":"automatic"}'; do
                sleep 0.5
            done
        fi
        until "$client" --declare "$ip" "$queue" "$count"; do sleep 0.5; done
        : >"$data/declared"
    ) &
fi
exec /usr/lib/rabbitmq/bin/rabbitmq-server
