"""A loopback port that a data folder keeps: the same one at every start, another one only when that is taken."""

import random
import socket
from pathlib import Path

HOST = "127.0.0.1"

# Below the range from which the kernel takes the ports of outgoing connections (32768 and up by default). In that
# range a client that tries again and again to reach a stopped server can be given the very port it calls, connect to
# itself, and keep the server from coming back.
_FIRST, _LAST = 20000, 29999


def is_free(port: int) -> bool:
    """True when a server can listen on the port of the loopback address now; 0 is no port."""
    if port == 0:
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on now; somebody else may still be faster."""
    while True:
        port = random.randint(_FIRST, _LAST)
        if is_free(port):
            return port


def kept_port(file: Path) -> int:
    """The port noted in `file` when it is free, else a new one, which is noted there."""
    if file.exists() and (text := file.read_text().strip()).isdecimal() and is_free(int(text)):
        return int(text)
    port = free_port()
    file.write_text(f"{port}\n")
    return port
