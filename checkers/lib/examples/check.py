#!/usr/bin/env python3
"""check.py -- libordeal from Python, through ctypes; standard library only.

check.py HISTORY [CHECKER [MODEL]]    judges a file, exits with the verdict
check.py                              judges two clients' work, recorded here

$ORDEAL_LIB names the library where the system does not find it.
"""
import ctypes
import json
import os
import sys

INVOKE, OK, FAIL, INFO = range(4)
PASS, VIOLATION, UNKNOWN = 0, 1, 3


class Event(ctypes.Structure):
    """struct ordeal_event of ordeal.h, member by member."""
    _fields_ = [("process", ctypes.c_int64), ("type", ctypes.c_int),
                ("f", ctypes.c_char_p), ("key", ctypes.c_char_p),
                ("value", ctypes.c_char_p), ("time_ns", ctypes.c_int64),
                ("node", ctypes.c_char_p), ("session", ctypes.c_int64),
                ("is_final", ctypes.c_int)]


lib = ctypes.CDLL(os.environ.get("ORDEAL_LIB", "libordeal.so.1"))
for name, result in [("history_new", ctypes.c_void_p),
                     ("open", ctypes.c_void_p), ("check", ctypes.c_void_p),
                     ("result_why", ctypes.c_char_p),
                     ("result_ops", ctypes.c_size_t),
                     ("result_verdict", ctypes.c_int),
                     ("event_text", ctypes.c_size_t)]:
    getattr(lib, "ordeal_" + name).restype = result


class Judge:
    """A history, and what is found in it."""

    def __init__(self, path=None):
        self.error = ctypes.create_string_buffer(1024)
        if path is None:
            handle = lib.ordeal_history_new(ctypes.c_uint64(0), self.error)
        else:
            handle = lib.ordeal_open(path.encode(), None, self.error)
        if not handle:
            raise ValueError(self.error.value.decode())
        self.history = ctypes.c_void_p(handle)

    def add(self, process, kind, f, value=None):
        event = Event(process=process, type=kind, f=f.encode(),
                      value=json.dumps(value).encode(), time_ns=-1, session=-1)
        if lib.ordeal_add(self.history, ctypes.byref(event), self.error) != 0:
            raise ValueError(self.error.value.decode())

    def end(self):
        if lib.ordeal_end(self.history, self.error) != 0:
            raise ValueError(self.error.value.decode())

    def check(self, checker, model=None):
        """(verdict, sentence, [events that prove it])"""
        handle = lib.ordeal_check(self.history, checker.encode(),
                                  model and model.encode(), None, self.error)
        if not handle:
            raise ValueError(self.error.value.decode())
        result = ctypes.c_void_p(handle)
        indexes = ctypes.POINTER(ctypes.c_int64)()
        count = lib.ordeal_result_ops(result, ctypes.byref(indexes))
        found = (lib.ordeal_result_verdict(result),
                 lib.ordeal_result_why(result).decode(),
                 [self.event(indexes[i]) for i in range(count)])
        lib.ordeal_result_free(result)
        return found

    def event(self, index):
        line = ctypes.create_string_buffer(512)
        lib.ordeal_event_text(self.history, ctypes.c_int64(index), line,
                              ctypes.c_size_t(len(line)))
        return line.value.decode()

    def free(self):
        lib.ordeal_history_free(self.history)


def recorded_here():
    judge = Judge()
    judge.add(0, INVOKE, "enqueue", "a")
    judge.add(0, OK, "enqueue", "a")
    judge.add(0, INVOKE, "enqueue", "b")
    judge.add(1, INVOKE, "dequeue")
    judge.add(0, OK, "enqueue", "b")
    judge.add(1, OK, "dequeue", "b")  # "a" was there before
    judge.end()
    return judge


def main(arguments):
    judge = Judge(arguments[0]) if arguments else recorded_here()
    checker = arguments[1] if len(arguments) > 1 else "linearizable"
    model = arguments[2] if len(arguments) > 2 else None
    if not arguments:
        model = "fifo-queue"
    verdict, why, events = judge.check(checker, model)
    print(why)
    for event in events:
        print(" ", event)
    judge.free()
    return verdict


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (OSError, ValueError) as wrong:
        print(f"check.py: {wrong}", file=sys.stderr)
        sys.exit(64)
