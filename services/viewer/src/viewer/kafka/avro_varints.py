"""Avro's integers: zig-zag, then seven bits a byte, least significant bits first."""

# Ten bytes hold 64 bits. A longer sequence is not a valid integer, and each byte of it costs more.
_MOST_SHIFT = 63


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
    """Return the integer that begins at this index, and the index after it.

    Raises IndexError when the data ends within it, or when it is longer than 64 bits.
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
        if shift > _MOST_SHIFT:
            raise IndexError("an integer is longer than 64 bits")
    value |= octet << shift
    return (value >> 1) ^ -(value & 1), at + 1


def all_decoded(data: bytes) -> list[int]:
    """Return all integers in the data.

    The data may not hold integers longer than 64 bits (catalogue/packed_segments checks it).
    """
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
