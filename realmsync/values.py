"""Value types that Python itself lacks: instants with nanoseconds, and binary32 floats.

Everything else maps to types everybody has: bool, int, float, str, bytes, datetime, uuid.UUID,
bson.ObjectId and bson.Decimal128 (data-model.md section 17).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from realmsync.errors import ArgumentTypeError, InvalidArgumentError

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, order=True, slots=True)
class Timestamp:
    """An instant in UTC: seconds since 1970, and nanoseconds of the same sign below 10⁹.

    Reading a date gives a `datetime` where one can hold it, and a Timestamp where the value has
    digits below the microsecond or lies outside of the years 1 to 9999. Both can be written.
    """

    seconds: int
    nanoseconds: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.seconds, int) or not isinstance(self.nanoseconds, int):
            raise ArgumentTypeError(
                f"Expected ints, got {self.seconds!r} seconds and {self.nanoseconds!r} nanoseconds"
            )
        if not -(2**63) <= self.seconds < 2**63:
            raise InvalidArgumentError("seconds do not fit 64 bits")
        if abs(self.nanoseconds) >= 1_000_000_000:
            raise InvalidArgumentError("nanoseconds must stay below 10⁹")
        if self.seconds * self.nanoseconds < 0:
            raise InvalidArgumentError("seconds and nanoseconds must carry the same sign")

    @classmethod
    def from_datetime(cls, value: datetime) -> Timestamp:
        """The instant of a datetime with a time zone; InvalidArgumentError for a naive one."""
        if value.utcoffset() is None:
            raise InvalidArgumentError("a datetime needs a time zone")
        microseconds = (value - EPOCH) // timedelta(microseconds=1)
        sign = -1 if microseconds < 0 else 1
        seconds, rest = divmod(abs(microseconds), 1_000_000)
        return cls(sign * seconds, sign * rest * 1000)

    def to_datetime(self) -> datetime:
        """The instant in UTC, digits below the microsecond cut off towards zero.

        OverflowError outside of the years 1 to 9999.
        """
        micro = abs(self.nanoseconds) // 1000 * (-1 if self.nanoseconds < 0 else 1)
        return EPOCH + timedelta(seconds=self.seconds, microseconds=micro)


class Float32(float):
    """A binary32 number, rounded at construction.

    As an annotation it declares a property of Realm's type `float` (plain `float` is Realm's
    `double`); as a value it tells a mixed property to hold one. Reading from a mixed property
    gives it back.
    """

    __slots__ = ()

    def __new__(cls, value: float) -> Float32:
        import struct

        try:
            rounded = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            rounded = float("inf") if value > 0 else float("-inf")
        except struct.error:
            raise ArgumentTypeError(f"Expected a number, got {value!r}") from None
        return super().__new__(cls, rounded)

    def __repr__(self) -> str:
        return f"Float32({float(self)!r})"
