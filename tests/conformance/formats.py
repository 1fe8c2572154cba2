"""Events, batches and beacons as docs/protocol.md sections 2, 3 and 5 lay them out. Written from that page alone."""

import dataclasses
import struct

import msgpack
import xxhash

NONE = bytes(16)  # an id that is none
HEADER = struct.Struct("<4sBBH16sQIIQQQQqQQ")  # up to the header checksum
CHECKSUM = struct.Struct("<Q")
LENGTH = struct.Struct("<I")
BEACON = struct.Struct("<4sBBH16s16sQQqQII")
LIVENESS = struct.Struct("<QII")
HEADER_BYTES = HEADER.size + CHECKSUM.size
EVENTS, GAP = 1, 2


class FormatError(Exception):
    """Bytes that are not what the page says."""


def checksum(data):
    return xxhash.xxh3_64_intdigest(data)


def need(condition, what):
    if not condition:
        raise FormatError(what)


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def unpack(data):
    return msgpack.unpackb(data, raw=False)


def event(type_, data=None, subject=None, time=0, **attributes):
    """An event as it stands in a batch."""
    return pack([type_, subject, time, data, attributes])


def payload_of(events, shared=None):
    parts = [pack(shared or {}), *events]
    return b"".join(LENGTH.pack(len(part)) + part for part in parts)


@dataclasses.dataclass
class Batch:
    """A batch; what the sidecar sets is 0 until it is committed."""

    incarnation: bytes
    producer: int
    epoch: int
    previous: int
    last: int
    count: int
    payload: bytes
    base: int = 0
    commit_time: int = 0
    previous_checksum: int = 0
    kind: int = EVENTS
    version: int = 1
    payload_checksum: int | None = None
    header_checksum: int = 0

    @classmethod
    def of(cls, events, shared=None, **fields):
        return cls(payload=payload_of(events, shared), **{"count": len(events), **fields})

    def encode(self):
        if self.payload_checksum is None:
            self.payload_checksum = checksum(self.payload)
        header = HEADER.pack(
            b"FBAT", self.version, self.kind, 0, self.incarnation, self.count, len(self.payload), self.epoch,
            self.producer, self.previous, self.last, self.base, self.commit_time, self.previous_checksum,
            self.payload_checksum,
        )
        self.header_checksum = checksum(header)
        return header + CHECKSUM.pack(self.header_checksum) + self.payload

    @property
    def end(self):
        """The sequence after its last event."""
        return self.base + self.count

    def parts(self):
        """The shared attributes, then its events, decoded."""
        parts, offset = [], 0
        while offset < len(self.payload):
            need(offset + LENGTH.size <= len(self.payload), "a length that is cut off")
            (length,) = LENGTH.unpack_from(self.payload, offset)
            offset += LENGTH.size
            need(offset + length <= len(self.payload), "a part that is cut off")
            parts.append(unpack(self.payload[offset : offset + length]))
            offset += length
        return parts

    def events(self):
        return self.parts()[1:]


def decode_batches(data):
    """All batches in data, one after the other; each is verified by itself (not its place in the chain)."""
    batches, offset = [], 0
    while offset < len(data):
        need(offset + HEADER_BYTES <= len(data), "a header that is cut off")
        (magic, version, kind, zero, incarnation, count, length, epoch, producer, previous, last, base, commit_time,
         previous_checksum, payload_checksum) = HEADER.unpack_from(data, offset)  # fmt: skip
        (header_checksum,) = CHECKSUM.unpack_from(data, offset + HEADER.size)
        need(magic == b"FBAT" and version == 1 and kind in (EVENTS, GAP) and zero == 0, "no batch of version 1")
        need(checksum(data[offset : offset + HEADER.size]) == header_checksum, "a wrong header checksum")
        offset += HEADER_BYTES
        need(offset + length <= len(data), "a payload that is cut off")
        payload = data[offset : offset + length]
        offset += length
        need(checksum(payload) == payload_checksum, "a wrong payload checksum")
        batches.append(
            Batch(incarnation, producer, epoch, previous, last, count, payload, base, commit_time, previous_checksum,
                  kind, version, payload_checksum, header_checksum)  # fmt: skip
        )
        parts = batches[-1].parts()
        if kind == EVENTS:
            need(len(parts) == 1 + count and 1 <= count <= 4096, "a count that is not that of its events")
            need(last > previous, "producer sequences that do not rise")
        else:
            need(len(parts) == 1 and count >= 1 and producer == 0, "a gap record that is none")
    return batches


@dataclasses.dataclass
class Beacon:
    incarnation: bytes
    boot: bytes
    head: int
    oldest: int
    commit_time: int
    head_checksum: int
    next_due_ms: int
    producers: dict  # id -> milliseconds since it was heard


def decode_beacon(data):
    need(len(data) >= BEACON.size + CHECKSUM.size, "a beacon that is cut off")
    (magic, version, producers, zero, incarnation, boot, head, oldest, commit_time, head_checksum, due,
     zero2) = BEACON.unpack_from(data)  # fmt: skip
    need(magic == b"FBCN" and version == 1 and zero == 0 and zero2 == 0, "no beacon of version 1")
    end = BEACON.size + producers * LIVENESS.size
    need(producers <= 16 and len(data) == end + CHECKSUM.size, "a beacon of a wrong size")
    need(checksum(data[:end]) == CHECKSUM.unpack_from(data, end)[0], "a wrong beacon checksum")
    silent = [LIVENESS.unpack_from(data, BEACON.size + i * LIVENESS.size) for i in range(producers)]
    return Beacon(incarnation, boot, head, oldest, commit_time, head_checksum, due, {id_: ms for id_, ms, _ in silent})


class Chain:
    """Follows a stream batch by batch: sequences dense, commit times never less, each naming the one before."""

    def __init__(self, incarnation, sequence=0, checksum_=0, commit_time=0):
        self.incarnation, self.sequence = incarnation, sequence
        self.checksum, self.commit_time = checksum_, commit_time

    def add(self, batch):
        need(batch.incarnation == self.incarnation, "a batch of another incarnation")
        need(batch.base == self.sequence + 1, f"sequence {batch.base} after {self.sequence}")
        need(batch.previous_checksum == self.checksum, f"the chain is broken at {batch.base}")
        need(batch.commit_time >= self.commit_time and batch.commit_time > 0, f"time went back at {batch.base}")
        self.sequence, self.checksum, self.commit_time = batch.end - 1, batch.header_checksum, batch.commit_time
        return batch
