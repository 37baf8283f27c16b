#!/bin/sh
# probe.sh CLIENT QUESTION IP COUNT --mode=... : asks a node through the client.
client=$1 question=$2 where=$3
case " $* " in *" --mode=sentinel "*) where=$3/$4 ;; esac
exec "$client" "$question" "$where"
