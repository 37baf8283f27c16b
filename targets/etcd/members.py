"""The members of an etcd cluster, through its JSON gateway.

    members.py list VIA          one line each: its peer address
    members.py join VIA IP       add a member at that address
    members.py leave VIA IP      remove it
"""
import json
import sys
import urllib.request

PATIENCE_S = 0.9


def call(via, path, body):
    """One request; raises where it is refused or not answered in time."""
    request = urllib.request.Request(
        f"http://{via}:2379/v3/{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
        return json.load(reply)


def members(via):
    """By peer address.  etcd 3.4 answers from its own copy, so a linearizable
    read comes first: after it the node has what was committed before."""
    call(via, "kv/range", {"key": "bWVtYmVycw=="})
    return {url.split("/")[2].split(":")[0]: member
            for member in call(via, "cluster/member/list", {})["members"]
            for url in member["peerURLs"]}


def main(what, via, ip=None):
    known = members(via)
    if what == "list":
        for address, member in known.items():
            print(address, "" if member.get("name") else "joining")
    elif what == "join" and ip not in known:
        call(via, "cluster/member/add", {"peerURLs": [f"http://{ip}:2380"]})
    elif what == "leave" and ip in known:
        call(via, "cluster/member/remove", {"ID": known[ip]["ID"]})


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"members.py: {error}")
