"""A proxy before an MLflow server, whose faults are switched on and off while it runs.

with Proxy(server.port) as proxy:
    proxy.behave("answer 500")
    proxy.wait_for_calls(3)
    proxy.behave("pass")
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time

FAULTS = (
    "answer 500",
    "answer 500 to every second",
    "drop",
    "hang",
    "lose the answer",
    "refuse",
    "slow",
)
REFUSAL = (
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 5\r\nConnection: close\r\n\r\nfault"
)
CHUNK_BYTES = 1 << 16


class Proxy:
    """Forwards HTTP calls from a port of its own, each on a connection of its own.

    A fault meets the calls that arrive while it lasts, or are underway when it begins: "drop"
    resets their connections, "hang" takes them and says nothing, "lose the answer" has the server
    do them and then resets the connection, "refuse" closes the port, "slow" waits for `slow_s`.
    `calls` counts what has arrived since the last `behave`, `writes` those of them that change
    something. `after_write(path)`, where one is set, is called once the server has done such a
    call, and before the client is answered.
    """

    def __init__(self, server_port: int):
        self.server_port = server_port
        self.slow_s = 2.0
        self.calls = 0
        self.writes = 0
        self.after_write = None
        self._behaviour = "pass"
        self._changed = threading.Condition()
        self._closed = False
        self._listener = None
        self._open = set()
        self._listen(0)
        self.port = self._listener.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._closed = True
        self.behave("refuse")

    def behave(self, behaviour: str) -> None:
        """Meet every call from now on with "pass" or one of FAULTS.

        Calls that hang are cut off when that ends.
        """
        assert behaviour in ("pass", *FAULTS), behaviour
        with self._changed:
            if self._behaviour == "hang" or behaviour in ("drop", "hang", "refuse"):
                for each in self._open:  # the thread of each closes it
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
            self._behaviour = behaviour
            self.calls = self.writes = 0
            self._changed.notify_all()
        if behaviour == "refuse":
            self._stop_listening()
        elif self._listener is None:
            self._listen(self.port)

    def wait_for_calls(self, count: int, timeout_s: float = 60) -> None:
        """Wait until `count` calls have met the present behaviour."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.calls >= count, timeout_s), self.calls

    def wait_until_idle(self, timeout_s: float = 60) -> None:
        """Wait until no call is underway: a slow one may outlive its client."""
        with self._changed:
            assert self._changed.wait_for(lambda: not self._open, timeout_s)

    def _listen(self, port):
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _stop_listening(self):
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone would leave a thread in accept() that takes one connection more.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # closed
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), client:
            with self._changed:
                self._open.add(client)
            try:
                head = receive_head(client)
                if head:
                    self._meet(client, head)
            finally:
                with self._changed:
                    self._open.discard(client)
                    self._changed.notify_all()

    def _meet(self, client, head):
        with self._changed:
            self.calls += 1
            self.writes += is_write(head)
            behaviour, number = self._behaviour, self.calls
            self._changed.notify_all()
        if behaviour == "drop":
            reset(client)
        elif behaviour == "hang":
            with self._changed:
                self._changed.wait_for(lambda: self._behaviour != "hang")
        elif behaviour == "answer 500" or (
            behaviour == "answer 500 to every second" and number % 2 == 0
        ):
            client.sendall(REFUSAL)
            drain(client)
        else:
            if behaviour == "slow":
                time.sleep(self.slow_s)
            report = self.after_write if is_write(head) else None
            self._forward(client, head, behaviour != "lose the answer", report)

    def _forward(self, client, head, answers, report):
        with socket.create_connection(("127.0.0.1", self.server_port), timeout=60) as server:
            server.sendall(ask_to_close(head))
            with selectors.DefaultSelector() as selector:
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in selector.select():
                        data = key.fileobj.recv(CHUNK_BYTES)
                        if report is not None and key.fileobj is server:
                            report(head.split(b" ", 2)[1].decode())
                            report = None
                        if data and (answers or key.fileobj is client):
                            key.data.sendall(data)
                        elif key.fileobj is client:
                            selector.unregister(client)
                        elif not answers:
                            reset(client)
                            return
                        elif not data:
                            return


def receive_head(client):
    """Return what a client sends up to the end of the head of its call, or past it."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(CHUNK_BYTES)
        if not data:
            return b""
        head += data
    return head


def is_write(head):
    """Return whether a call changes something: MLflow's searches are calls of POST, too."""
    method, path, _ = head.split(b" ", 2)
    return method in (b"POST", b"PUT", b"PATCH", b"DELETE") and b"search" not in path


def ask_to_close(head):
    """Return the head of a call that has the server close the connection after its answer.

    So one connection is one call, which a fault meets whole.
    """
    lines, body = head.split(b"\r\n\r\n", 1)
    kept = [line for line in lines.split(b"\r\n") if not line.lower().startswith(b"connection:")]
    return b"\r\n".join([*kept, b"Connection: close"]) + b"\r\n\r\n" + body


def drain(client):
    """Read what a client still sends, so that closing does not reset what it was answered."""
    client.shutdown(socket.SHUT_WR)
    client.settimeout(5)
    while client.recv(CHUNK_BYTES):
        pass


def reset(connection):
    """Close a connection so that the other side sees RST."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
