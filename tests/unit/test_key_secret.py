from __future__ import annotations

import hashlib
import re
import zlib

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from engramia_core.errors import InvalidInput
from engramia_core.keys.secret import (
    SECRET,
    check_secret,
    digest,
    ending,
    looks_like_secret,
    new_secret,
)

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PLAIN = "engramia_sk_" + "0" * 43


def number(digits: str) -> int:
    return sum(DIGITS.index(digit) * 62**place for place, digit in enumerate(reversed(digits)))


def test_a_secret_is_61_characters_that_a_scanner_finds() -> None:
    secret = new_secret()
    assert len(secret) == 61
    assert SECRET.pattern == "engramia_sk_[0-9A-Za-z]{49}"
    log = f'{{"authorization": "Bearer {secret}"}}'
    assert re.findall(SECRET, log) == [secret]
    assert check_secret(secret) == secret


def test_a_secret_has_256_random_bits_and_a_checksum_of_all_before_it() -> None:
    drawn = [new_secret() for _ in range(2_000)]
    bits = [number(secret[12:55]) for secret in drawn]
    assert max(bits) < 2**256
    assert len(set(bits)) == len(bits)
    for place in range(256):
        assert 800 < sum(value >> place & 1 for value in bits) < 1_200
    for secret in drawn:
        assert number(secret[55:]) == zlib.crc32(secret[:55].encode())


def test_what_is_stored_is_the_sha_256() -> None:
    secret = new_secret()
    assert digest(secret) == hashlib.sha256(secret.encode("ascii")).hexdigest()
    assert ending(secret) == secret[57:]


@given(st.integers(12, 60), st.sampled_from(DIGITS))
def test_one_wrong_character_is_found(place: int, digit: str) -> None:
    secret = new_secret()
    assume(secret[place] != digit)
    with pytest.raises(InvalidInput, match="that is no Engramia key: the checksum is wrong"):
        check_secret(secret[:place] + digit + secret[place + 1 :])


@given(st.integers(12, 59))
def test_two_characters_in_the_wrong_order_are_found(place: int) -> None:
    secret = new_secret()
    assume(secret[place] != secret[place + 1])
    swapped = secret[:place] + secret[place + 1] + secret[place] + secret[place + 2 :]
    with pytest.raises(InvalidInput, match="the checksum is wrong"):
        check_secret(swapped)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "does not begin with engramia_sk_"),
        ("sk-live-0123456789", "does not begin with engramia_sk_"),
        (f" {PLAIN}000000", "does not begin with engramia_sk_"),
        (PLAIN, "is not 61 letters, digits and underscores"),
        (f"{PLAIN}0000000", "is not 61 letters, digits and underscores"),
        (f"{PLAIN}00000\n", "is not 61 letters, digits and underscores"),
        (f"{PLAIN}00000é", "is not 61 letters, digits and underscores"),
        (f"{PLAIN}00000²", "is not 61 letters, digits and underscores"),
        (f"{PLAIN}000000", "the checksum is wrong"),
        (f"{PLAIN}zzzzzz", "the checksum is wrong"),
    ],
)
def test_anything_else_is_no_key(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_secret(text)
    assert caught.value.message.startswith("that is no Engramia key: ")
    assert said in caught.value.message
    assert "0000" not in caught.value.message


@pytest.mark.parametrize(
    ("text", "is_one"),
    [(f"{PLAIN}000000", True), (f"x {PLAIN}", True), ("engramia_sk_", True), ("engramia", False)],
)
def test_what_holds_a_secret_is_known(text: str, is_one: bool) -> None:  # noqa: FBT001 -- a parameter
    assert looks_like_secret(text) is is_one
