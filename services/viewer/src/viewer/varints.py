"""Avro's integers: zig-zag, then seven bits a byte, the least significant first."""


def encoded(value: int) -> bytes:
    """Encode one integer of at most 64 bits."""
    value = value << 1 if value >= 0 else (-value << 1) - 1
    octets = bytearray()
    while value > 0x7F:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def decoded(data: bytes | bytearray, at: int) -> tuple[int, int]:
    """Return the integer that begins at this place, and the place after it.

    Raises IndexError when the data ends before it does.
    """
    octet = data[at]
    at += 1
    if octet < 0x80:
        return (octet >> 1) ^ -(octet & 1), at
    value, shift = octet & 0x7F, 7
    while (octet := data[at]) & 0x80:
        value |= (octet & 0x7F) << shift
        shift += 7
        at += 1
    value |= octet << shift
    return (value >> 1) ^ -(value & 1), at + 1


def all_decoded(data: bytes) -> list[int]:
    """Return all the integers of which the data consists."""
    values = []
    value = shift = 0
    for octet in data:
        if octet & 0x80:
            value |= (octet & 0x7F) << shift
            shift += 7
        else:
            value |= octet << shift
            values.append((value >> 1) ^ -(value & 1))
            value = shift = 0
    return values
