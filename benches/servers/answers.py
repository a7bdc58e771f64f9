"""The long answers, as the load generator expects them (`reply_byte` there)."""

#: The first byte of a message, modulo this, chooses the answer.
VARIANTS = 8
#: After this many bytes an answer repeats itself.
_PERIOD = 8192

PIECES = 100
PIECE_BYTES = 32


def answer(variant: int, size: int) -> bytes:
    """Byte n is 37v + n + n/32 modulo 256."""
    once = bytes((37 * variant + at + at // 32) % 256 for at in range(min(size, _PERIOD)))
    return (once * (size // _PERIOD + 1))[:size]


def answers(size: int) -> list[bytes]:
    """One for each variant."""
    return [answer(variant, size) for variant in range(VARIANTS)]


def pieces() -> list[list[bytes]]:
    """For each variant an answer in small pieces, each of which is one write."""
    return [
        [whole[first : first + PIECE_BYTES] for first in range(0, len(whole), PIECE_BYTES)]
        for whole in answers(PIECES * PIECE_BYTES)
    ]


def page(size: int) -> bytes:
    """The body for GET."""
    return answer(ord("G") % VARIANTS, size)
