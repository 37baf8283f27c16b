"""The toy database, whose first node goes wrong once it has been of some use."""
import os
import signal
import socketserver
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../toy"))
import toy

USEFUL_FOR = 15  # operations


class Handler(toy.Handler):
    way, mark, server, served = "good", "", None, 0

    def handle(self):
        for line in self.rfile:
            if Handler.served < 0:
                return
            Handler.served += 1
            self.answer(line)
            if Handler.served == USEFUL_FOR and not os.path.exists(self.mark):
                self.go_wrong()

    def go_wrong(self):
        with open(self.mark, "w", encoding="utf-8"):
            pass
        if self.way == "stops":
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.way == "exits":
            os._exit(3)
        if self.way == "wedges":
            Handler.served = -1 << 60
            Handler.server.socket.close()
            time.sleep(1000)


if __name__ == "__main__":
    ip, data, way = sys.argv[1], sys.argv[2], sys.argv[3].split("=")[1]
    Handler.way = way
    Handler.mark = os.path.join(data, "mark")
    Handler.server = toy.Server((ip, toy.PORT), Handler)
    if os.path.basename(data) != "n1":
        Handler.way = "good"
    try:
        Handler.server.serve_forever()
    except (OSError, ValueError):
        time.sleep(1000)  # wedged: it lives, and does nothing
