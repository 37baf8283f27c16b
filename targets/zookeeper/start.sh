#!/bin/sh
# start.sh INDEX IP DATA PEERS: one ZooKeeper server.
set -eu
index=$1 ip=$2 data=$3 peers=$4
mkdir -p "$data/store"
echo "$index" >"$data/store/myid"
cat >"$data/log4j.properties" <<END
log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %m%n
END
{
    cat <<END
tickTime=500
initLimit=20
syncLimit=4
dataDir=$data/store
clientPort=2181
clientPortAddress=$ip
maxClientCnxns=0
admin.enableServer=false
4lw.commands.whitelist=*
END
    number=1
    for peer in $(echo "$peers" | tr , ' '); do
        echo "server.$number=$peer:2888:3888"
        number=$((number + 1))
    done
} >"$data/zoo.cfg"
exec java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto \
    -cp "$data:/usr/share/java/zookeeper.jar" \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$data/zoo.cfg"
