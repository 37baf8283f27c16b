"""Stands between ordeal and a client, and notes what each was told.

usage: telling_client.py FOLDER CLIENT...  A line `op {...}` is written before
the client gets the operation, `answer {...}` before ordeal gets the answer.
"""
import os
import subprocess
import sys

folder, command = sys.argv[1], sys.argv[2:]
with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                      text=True) as client, \
        open(os.path.join(folder, f"{os.getpid()}-{id(command)}"), "a",
             encoding="utf-8") as note:
    for number, line in enumerate(sys.stdin):
        if number > 0:
            note.write("op " + line)
            note.flush()
        client.stdin.write(line)
        client.stdin.flush()
        answer = client.stdout.readline()
        if not answer:
            break
        if number > 0:
            note.write("answer " + answer)
            note.flush()
        sys.stdout.write(answer)
        sys.stdout.flush()
