"""`python -m benchmarks.gateway PORT RATE SECONDS DEVICES`: devices behind one connection, at a steady rate.

Writes MQTT 5 packets itself, hundreds in one system call: what the sender takes of the machine is what the measured
stages have not. One reading a message, QoS 1; the devices take turns; the time of a reading is that of its sending.
Prints as JSON how many messages were sent and confirmed, and how far the sender fell behind at the most.
"""

import json
import select
import socket
import struct
import sys
import time

CITY = "220200"
TICK_S = 0.01
IN_FLIGHT = 15_000
"""Below the broker's receive maximum, which ends the connection of who sends more unconfirmed."""
LAST_MID = 65_535
_PUBACK = 0x40
_GIVE_UP_S = 60.0


def packet(topic: str, payload: bytes, mid: int) -> bytes:
    """A PUBLISH packet of QoS 1."""
    name = topic.encode()
    body = struct.pack(">H", len(name)) + name + struct.pack(">HB", mid, 0) + payload
    length, left = bytearray(), len(body)
    while left > 0x7F:
        length.append(left & 0x7F | 0x80)
        left >>= 7
    return b"\x32" + bytes((*length, left)) + body


def single(device: int, mid: int, at_s: float, value: float) -> bytes:
    """The packet of one reading: value in Pa at a time."""
    payload = b'[{"bn":"D%d:","bt":%.6f,"n":"p","u":"Pa","v":%.1f}]' % (device, at_s, value)
    return packet(f"lifeline/1/{CITY}/D{device}/up/senml", payload, mid)


class Gateway:
    """One connection, confirmations counted."""

    def __init__(self, port: int) -> None:
        self.sent = self.confirmed = 0
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client_id = b"gateway-%d" % time.time_ns()
        body = b"\x00\x04MQTT\x05\x02\x00\x00\x00" + struct.pack(">H", len(client_id)) + client_id
        self._socket.sendall(b"\x10" + bytes([len(body)]) + body)
        self._unread = b""
        answer = self._socket.recv(4096)
        if answer[:1] != b"\x20" or answer[3] != 0:
            raise ConnectionError(f"the broker refused: {answer.hex()}")

    def send(self, packets: list[bytes]) -> None:
        """Sends, after waiting for room in flight."""
        while self.sent + len(packets) - self.confirmed > IN_FLIGHT:
            self.take(1.0)
        self._socket.sendall(b"".join(packets))
        self.sent += len(packets)
        self.take(0.0)

    def take(self, timeout_s: float) -> None:
        """Counts the confirmations that are there. Raises ConnectionError."""
        while select.select([self._socket], [], [], timeout_s)[0]:
            timeout_s = 0.0
            data = self._socket.recv(262_144)
            if not data:
                raise ConnectionError("the broker ended the connection")
            data = self._unread + data
            position = 0
            while position + 2 <= len(data) and position + 2 + data[position + 1] <= len(data):
                self.confirmed += data[position] == _PUBACK
                position += 2 + data[position + 1]
            self._unread = data[position:]

    def finish(self) -> None:
        """Waits for the last confirmation."""
        deadline = time.monotonic() + _GIVE_UP_S
        while self.confirmed < self.sent and time.monotonic() < deadline:
            self.take(1.0)
        self._socket.close()


def main() -> None:
    """Sends for so long, tells how it went."""
    port, devices = int(sys.argv[1]), int(sys.argv[4])
    rate, duration_s = float(sys.argv[2]), float(sys.argv[3])
    gateway = Gateway(port)
    total, behind_s = round(rate * duration_s), 0.0
    began = time.monotonic()
    while gateway.sent < total:
        due = min(total, int((time.monotonic() - began + TICK_S) * rate))
        behind_s = max(behind_s, time.monotonic() - began - gateway.sent / rate)
        now_s = time.time()
        gateway.send(
            [
                single(1 + i % devices, 1 + i % LAST_MID, now_s + (i - gateway.sent) * 1e-6, 300_000 + i % 100)
                for i in range(gateway.sent, min(due, gateway.sent + IN_FLIGHT // 2))
            ]
        )
        time.sleep(max(0.0, began + (gateway.sent / rate) - time.monotonic()))
    gateway.finish()
    print(json.dumps({"sent": gateway.sent, "confirmed": gateway.confirmed, "behind_s": behind_s}))


if __name__ == "__main__":
    main()
