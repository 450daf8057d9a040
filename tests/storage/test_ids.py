"""Ids rise within a process, and no two processes make the same."""

import os

from tallybook.server.kernel.ids import uuid7_hex


def test_ids_rise_and_are_uuids_of_version_7() -> None:
    made = [uuid7_hex() for _ in range(2_000)]
    assert made == sorted(set(made))
    assert {(len(one), one[12]) for one in made} == {(32, "7")}
    assert {one[16] for one in made} == {"8", "9", "a", "b"} & {one[16] for one in made}


def test_a_forked_process_draws_its_own_random_part() -> None:
    uuid7_hex()  # random bytes are at hand, and a child has them, too
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, uuid7_hex().encode())
        os._exit(0)
    os.waitpid(child, 0)
    mine, its = uuid7_hex(), os.read(reader, 32).decode()
    assert mine[-12:] != its[-12:], "the same 48 random bits"
